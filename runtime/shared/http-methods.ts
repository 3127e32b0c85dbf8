import fp from 'fastify-plugin';
import { sendError } from './error-plugin';
import { methodNotAllowed } from './errors';

interface KnownPath {
  readonly pattern: RegExp;
  readonly methods: Set<string>;
}

const escape = (text: string): string => text.replace(/[.+?^${}()|[\]\\/]/g, '\\$&');

function patternOf(url: string): RegExp {
  const segments = url.split('/').map((segment) => (segment.startsWith(':') ? '[^/]+' : escape(segment)));
  return new RegExp(`^${segments.join('/')}$`);
}

/** Answers a method that a known path has not with 405 and those that it has, before anything else is looked at. */
export const methodsPlugin = fp(
  async (app) => {
    const paths = new Map<string, KnownPath>();
    app.addHook('onRoute', ({ url, method }) => {
      const known = paths.get(url) ?? { pattern: patternOf(url), methods: new Set() };
      for (const each of [method].flat()) known.methods.add(each);
      paths.set(url, known);
    });
    app.addHook('onRequest', (request, reply, done) => {
      if (!request.is404) return done();
      const [path = ''] = request.url.split('?');
      const known = [...paths.values()].filter(({ pattern }) => pattern.test(path));
      const methods = [...new Set(known.flatMap((each) => [...each.methods]))].sort();
      if (methods.length === 0) return done();
      sendError(reply.header('allow', methods.join(', ')), methodNotAllowed());
    });
  },
  { name: 'lnmt-methods', fastify: '5.x', dependencies: ['lnmt-errors'] },
);
