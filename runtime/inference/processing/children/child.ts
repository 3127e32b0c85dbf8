import net from 'node:net';
import { encodeFrame, FrameReader } from '../../host/frames';
import type { Frame } from '../../host/frames';

/** Descriptors that a process of steps inherits: one that tells it of the end of the server, and one for its work. */
const CHILD_FDS = { control: 3, work: 4 } as const;

/** What a step gives. */
export interface Reply {
  readonly header: object;
  readonly parts: readonly Uint8Array[];
}

/** Answers one question after another. */
export type Handler = (header: Readonly<Record<string, unknown>>, payload: Uint8Array) => Promise<Reply>;

const MAX_MESSAGE = 500;

/** What went wrong, for the log of the server. */
function messageOf(error: unknown): string {
  try {
    return (error instanceof Error ? error.message : String(error)).slice(0, MAX_MESSAGE);
  } catch {
    return 'an error without a text';
  }
}

/**
 * Serves questions of the server in this process, until the server ends: its socket closes then.
 *
 * @param open makes what answers from the first message
 */
export function serveSteps(open: (hello: Readonly<Record<string, unknown>>) => Promise<Handler>): void {
  const end = process.kill.bind(process, process.pid, 'SIGKILL');
  const control = new net.Socket({ fd: CHILD_FDS.control });
  control.resume();
  control.on('close', end);
  control.on('error', end);
  const work = new net.Socket({ fd: CHILD_FDS.work });
  work.on('error', end);
  const send = (id: number, header: object, parts: readonly Uint8Array[]): void => {
    for (const chunk of encodeFrame(id, header, parts)) work.write(chunk);
  };
  let handler: Handler | undefined;
  const serve = async ({ id, header, payload }: Frame): Promise<void> => {
    const question = header as Readonly<Record<string, unknown>>;
    try {
      if (handler === undefined) {
        handler = await open(question);
        return send(id, { type: 'ready' }, []);
      }
      const reply = await handler(question, payload);
      send(id, reply.header, reply.parts);
    } catch (error) {
      send(id, { type: 'failed', message: messageOf(error) }, []);
    }
  };
  // One that remembers nothing: a plugin may change what it is given, and must not find it changed the next time.
  const reader = new FrameReader();
  let last = Promise.resolve();
  work.on('data', (chunk) => {
    for (const frame of reader.push(chunk)) last = last.then(() => serve(frame));
  });
}
