import http from 'node:http';
import https from 'node:https';

/** A request of the command itself. */
export interface HttpRequest {
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** Milliseconds for everything. @default 10000 */
  readonly timeoutMs?: number;
}

/** An answer, read to its end. */
export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
}

/** Answers of servers that are asked for metadata are small; more is not read. */
const MAX_ANSWER_BYTES = 64 * 2 ** 20;
const TIMEOUT_MS = 10_000;

/** Asks once over a connection of its own. @throws Error for whatever is no HTTP answer in time */
export function ask(url: string | URL, request: HttpRequest = {}): Promise<HttpAnswer> {
  const { method = 'GET', headers = {}, body, timeoutMs = TIMEOUT_MS } = request;
  const target = new URL(url);
  const { request: open } = target.protocol === 'https:' ? https : http;
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(timeoutMs);
    const sent = open(target, { method, headers, agent: false, signal }, (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > MAX_ANSWER_BYTES) sent.destroy(new Error('the answer is too long'));
        else chunks.push(chunk);
      });
      response.once('error', reject);
      response.once('end', () => {
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') });
      });
    });
    sent.once('error', reject);
    sent.end(body);
  });
}

const TEXT_MOST = 300;

/** What an answer says, for a message. */
export const answerText = ({ status, text }: HttpAnswer): string => `${status} ${text.slice(0, TEXT_MOST)}`.trim();

/** Why there was no answer, for a message. A name with several addresses fails once for each. */
export function failureText(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(failureText).join('; ');
  return error instanceof Error ? error.message : String(error);
}

/** The JSON of an answer; undefined for whatever is none. */
export function jsonOf({ text }: HttpAnswer): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
