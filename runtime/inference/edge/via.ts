import { randomUUID } from 'node:crypto';

/** Servers that may pass a request on, one after the other. */
export const MAX_HOPS = 4;

const ENTRY = /^[\w-]{1,64}$/;

/** Which servers passed a request on: a list that each adds itself to. */
export class Via {
  constructor(
    /** Name of this server, of no meaning to others. */
    private readonly self: string = randomUUID(),
  ) {}

  /** True when this server passed the request on before: then it has been everywhere. */
  passed(list: string | undefined): boolean {
    return list?.split(',').some((name) => name.trim() === this.self) === true;
  }

  /** The list with this server on it; undefined when the request must not go on. */
  next(list: string | undefined): string | undefined {
    if (list === undefined || list === '') return this.self;
    const names = list.split(',').map((name) => name.trim());
    const fits = names.length < MAX_HOPS && names.every((name) => ENTRY.test(name)) && !names.includes(this.self);
    return fits ? [...names, this.self].join(',') : undefined;
  }
}
