import type { FastifyRequest } from 'fastify';

/** The headers of a request by name; one that is sent several times is one list. */
export function attributeOf(request: FastifyRequest): (name: string) => string | undefined {
  return (name) => {
    const value = request.headers[name];
    return Array.isArray(value) ? value.join(',') : value;
  };
}
