import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import { toRequestError } from '../../shared/error-plugin';
import type { RequestError } from '../../shared/errors';
import { slowReader, UNREAD_BYTES } from '../text/errors';
import { openAiError } from './openai-errors';

/** Listeners of one answer; more would be a leak. */
const LISTENERS = 32;

const event = (content: unknown): string => `data: ${JSON.stringify(content)}\n\n`;

/**
 * Server-sent events of an answer. What has begun as a stream ends as one: an error becomes its last event. A client
 * that does not read loses its connection rather than the memory of the server.
 */
export class EventStream {
  private readonly stream = new Readable({ read: () => undefined });
  private over = false;
  private cutBy: RequestError | undefined;

  /** Sends the head; events follow. */
  constructor(private readonly reply: FastifyReply) {
    // Each hook that waits for the end of an answer listens, and the stream does too.
    reply.raw.setMaxListeners(LISTENERS);
    reply.request.endAnswer = (error) => this.cut(error);
    // Proxies that gather answers would undo the streaming.
    void reply.type('text/event-stream; charset=utf-8').header('x-accel-buffering', 'no').send(this.stream);
  }

  /** Sends one event. @throws RequestError when the client does not keep up, or the stream was cut */
  send(content: unknown): void {
    if (this.cutBy !== undefined) throw this.cutBy;
    this.stream.push(event(content));
    if (this.stream.readableLength + this.reply.raw.writableLength <= UNREAD_BYTES) return;
    const error = slowReader();
    this.stream.destroy(error);
    throw error;
  }

  /**
   * Writes events as they come, and the end of the stream.
   *
   * @param failed told what ends it early, before its client is
   * @throws RequestError the same, when its client has been told
   */
  async write(events: AsyncIterable<unknown>, failed: (error: RequestError) => void): Promise<void> {
    try {
      for await (const content of events) this.send(content);
      this.finish('data: [DONE]\n\n');
    } catch (thrown) {
      const error = toRequestError(thrown, 0);
      failed(error);
      this.finish(event(openAiError(error)));
      throw error;
    }
  }

  /** Ends it where it is: the error is its last event, and whoever makes the events is told at the next one. */
  private cut(error: RequestError): void {
    this.cutBy = error;
    this.reply.request.lateError = error;
    this.finish(event(openAiError(error)));
  }

  private finish(last: string): void {
    if (this.over || this.stream.destroyed) return;
    this.over = true;
    this.stream.push(last);
    this.stream.push(null);
  }
}
