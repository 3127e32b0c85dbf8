import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import type { RequestError } from './errors';
import type { HealthState } from './health';
import type { CutRequest, OpenRequest, OpenRequests } from './open-requests';
import { partGently } from './parting';
import { Slots } from './slots';
import { whenOver } from './when-over';

declare module 'fastify' {
  interface FastifyRequest {
    /** Ends an answer whose head is out with an error; null where the answer cannot say that. */
    endAnswer: ((error: RequestError) => void) | null;
  }
}

/** Milliseconds that a connection without any request is left after the listener closed: one may be on its way. */
const UNUSED_MS = 500;

/** Set on a connection once a request came on it. */
const ASKED = Symbol('asked');

type Asked = Socket & { [ASKED]?: boolean };

/**
 * Ends connections that nothing was ever asked on, as load balancers hold them ready. Node counts them as busy until
 * the time for their first headers is over, so that the server would wait for them instead of ending.
 */
function endUnused(app: FastifyInstance): void {
  const open = new Slots<Asked>();
  const opened = (socket: Asked): void => {
    const id = open.add(socket);
    socket.once('close', () => open.delete(id));
  };
  const isSecure = 'setSecureContext' in app.server;
  app.server.on(isSecure ? 'secureConnection' : 'connection', opened);
  app.server.on('request', ({ socket }: { socket: Asked }) => (socket[ASKED] = true));
  app.addHook('preClose', async () => {
    const end = (): void => {
      for (const [, socket] of open.entries()) if (socket[ASKED] !== true) socket.destroy();
    };
    setTimeout(end, UNUSED_MS).unref();
  });
}

/** A request over HTTP. */
class OpenReply implements OpenRequest {
  constructor(
    private readonly request: FastifyRequest,
    private readonly reply: FastifyReply,
    private readonly modelOf: DrainPluginOptions['modelOf'],
  ) {}

  about(): CutRequest {
    const { id, method, routeOptions } = this.request;
    return { id, route: `${method} ${routeOptions.url ?? ''}`, model: this.modelOf(this.request) };
  }

  cut(error: RequestError): void {
    const { request, reply } = this;
    if (request.endAnswer !== null) return request.endAnswer(error);
    // An answer that is on its way has its status already.
    if (reply.raw.headersSent) return;
    if (!request.raw.complete) partGently(request.raw);
    void reply.send(error);
    // Its work goes on for the moment that the process still has: that it finds itself answered is no news.
    reply.log = reply.log.child({}, { level: 'silent' });
  }
}

/** What {@link drainPlugin} works with. */
export interface DrainPluginOptions {
  readonly health: HealthState;
  /** Takes every request in until it is over. */
  readonly open: OpenRequests;
  /** The model that a request is about, where it is about one. */
  readonly modelOf: (request: FastifyRequest) => string | undefined;
}

/** While draining, every answer asks its client to close the connection, so that none is idle when the listener goes. */
export const drainPlugin = fp<DrainPluginOptions>(
  async (app, { health, open, modelOf }) => {
    endUnused(app);
    app.decorateRequest('endAnswer', null);
    app.addHook('onRequest', (request, reply, done) => {
      whenOver(reply, open.add(new OpenReply(request, reply, modelOf)));
      done();
    });
    app.addHook('onSend', (_request, reply, payload, done) => {
      if (health.phase === 'draining') void reply.header('connection', 'close');
      done(null, payload);
    });
  },
  { name: 'lnmt-drain', fastify: '5.x' },
);
