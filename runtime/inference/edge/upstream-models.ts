import { LRUCache } from 'lru-cache';
import { modelPath } from '../../contract';
import type { ModelMetadata } from '../registry';
import { UpstreamError } from './errors';
import type { Upstream } from './upstream';
import { readWireMetadata } from './wire';

/** For how long what the upstream server said of a model is repeated, and of how many. */
const CACHE = { max: 1_000, ttl: 10_000, absentTtl: 2_000 } as const;
const METADATA_MS = 5_000;
const MAX_BYTES = 1 << 20;

type Told = { readonly metadata: ModelMetadata } | { readonly absent: UpstreamError };

/** What the upstream server says of models. */
export class UpstreamModels {
  private readonly told = new LRUCache<string, Told>({ max: CACHE.max, ttl: CACHE.ttl });

  constructor(private readonly upstream: Pick<Upstream, 'ask'>) {}

  /** What a model takes and gives. @throws RequestError */
  async describe(name: string, version: string | undefined, via: string): Promise<ModelMetadata> {
    const path = modelPath(name, version);
    const known = this.told.get(path);
    if (known !== undefined) {
      if ('absent' in known) throw known.absent;
      return known.metadata;
    }
    try {
      const metadata = await this.get(path, via, (body) => {
        if (body.byteLength > MAX_BYTES) throw new Error('it is too long');
        return readWireMetadata(body, name);
      });
      this.told.set(path, { metadata });
      return metadata;
    } catch (error) {
      if (error instanceof UpstreamError && error.reason === 'absent') {
        this.told.set(path, { absent: error }, { ttl: CACHE.absentTtl });
      }
      throw error;
    }
  }

  /** True when it would answer now. @throws RequestError */
  async isReady(name: string, version: string | undefined, via: string): Promise<boolean> {
    return this.succeeds(`${modelPath(name, version)}/ready`, via);
  }

  /** True for a path that answers with success; false for one that says that it is not ready. @throws RequestError */
  async succeeds(path: string, via: string): Promise<boolean> {
    try {
      return await this.get(path, via, () => true);
    } catch (error) {
      if (error instanceof UpstreamError && ['overloaded', 'not-ready'].includes(error.reason)) return false;
      throw error;
    }
  }

  private get<T>(path: string, via: string, read: (body: Buffer) => T): Promise<T> {
    const passing = { timeoutMs: METADATA_MS, via, last: false };
    return this.upstream.ask({ method: 'GET', path, headers: {} }, passing, ({ body }) => read(body));
  }
}
