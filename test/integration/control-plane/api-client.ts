import https from 'node:https';
import type { JsonObject } from '../../support/terraform-json';

type Headers = Readonly<Record<string, string | string[]>>;

/** An answer of the API server. */
export interface ApiAnswer {
  readonly status: number;
  readonly body: JsonObject;
}

/** A Kubernetes object as the API server returns it. */
export interface ApiObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
  };
  readonly spec?: JsonObject;
  readonly status?: JsonObject;
}

/** Requests to an API server on this machine; quicker than a kubectl process each. */
export class ApiClient {
  private readonly agent: https.Agent;

  constructor(
    readonly url: string,
    private readonly token: string,
  ) {
    // The server makes its own certificate when it starts, on 127.0.0.1, for this run only.
    this.agent = new https.Agent({ keepAlive: true, rejectUnauthorized: false });
  }

  /** Sends a request; a refusal is an answer, not an error. */
  request(method: string, path: string, body?: unknown, headers: Headers = {}): Promise<ApiAnswer> {
    return new Promise((resolve, reject) => {
      const contentType = { PATCH: 'application/strategic-merge-patch+json' }[method] ?? 'application/json';
      const request = https.request(
        `${this.url}${path}`,
        {
          method,
          agent: this.agent,
          timeout: 30_000,
          headers: { authorization: `Bearer ${this.token}`, 'content-type': contentType, ...headers },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => {
            const text = Buffer.concat(chunks).toString('utf8');
            resolve({
              status: response.statusCode ?? 0,
              body: (text.startsWith('{') ? JSON.parse(text) : { text }) as JsonObject,
            });
          });
        },
      );
      request.on('timeout', () => request.destroy(new Error(`${method} ${path}: no answer`)));
      request.on('error', reject);
      request.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  /** The objects of a list; an unknown path has none. */
  async list(path: string): Promise<ApiObject[]> {
    const { body } = await this.request('GET', path);
    return (body['items'] ?? []) as unknown as ApiObject[];
  }

  /** One object, or undefined when it does not exist. */
  async get(path: string): Promise<ApiObject | undefined> {
    const { status, body } = await this.request('GET', path);
    return status === 200 ? (body as unknown as ApiObject) : undefined;
  }

  /** A request that must be granted. */
  async must(method: string, path: string, body?: unknown, headers?: Headers): Promise<JsonObject> {
    const answer = await this.request(method, path, body, headers);
    if (answer.status >= 300)
      throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body['message'] ?? answer.body)}`);
    return answer.body;
  }
}
