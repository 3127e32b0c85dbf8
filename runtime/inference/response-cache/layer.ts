import { HEADERS } from '../../contract';
import { callerKey } from '../../shared/caller-limits';
import type { Cancellation } from '../../shared/cancellation';
import type { Answer, ModelRegistry } from '../registry';
import type { Infer, InferenceCall, Layer } from '../serving/layer';
import type { Outputs } from './entry';
import { Flights } from './flights';
import { keyOf } from './key';
import type { MemoryLevel } from './memory';
import type { SecondLevel } from './second-level';

/** What came of a request to a model whose answers are kept. */
export type CacheOutcome = 'hit' | 'second-level' | 'joined' | 'miss' | 'bypassed';

/** What the layer works with. */
export interface CacheLayerParts {
  readonly models: Pick<ModelRegistry, 'standing' | 'rulesOf'>;
  readonly memory: MemoryLevel;
  /** @default - none */
  readonly second?: SecondLevel | undefined;
  /** Seconds that answers are kept, where the model does not say. */
  readonly ttl: number;
  /** Models whose answers are kept though they do not say so. */
  readonly always: ReadonlySet<string>;
  /** Whether callers get the answers of one another. */
  readonly shared: boolean;
  /** @param seconds until the answer was there, or until it was known that it is not kept */
  readonly observe: (model: Answer['model'], outcome: CacheOutcome, seconds: number) => void;
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
}

/** Callers whom nobody knows are one. */
const ANONYMOUS = 'anonymous';

/** What a request wants of the cache, by its parameter and its `Cache-Control`. */
export function usageOf({ request, attribute }: Pick<InferenceCall, 'request' | 'attribute'>): {
  readonly read: boolean;
  readonly write: boolean;
} {
  if (request.cache === false) return { read: false, write: false };
  const text = attribute(HEADERS.cacheControl);
  if (text === undefined) return { read: true, write: true };
  const words = text.toLowerCase().split(/[\s,]+/);
  const write = !words.includes('no-store');
  return { read: write && !words.includes('no-cache'), write };
}

/** A request on its way through the cache. */
interface Sought {
  readonly call: InferenceCall;
  /** Milliseconds on the clock of the cache. */
  readonly began: number;
  readonly key: string;
  readonly model: Answer['model'];
  readonly digest: string;
  readonly ttl: number;
}

/** Answers from what was answered before. Errors are never kept. */
class ResponseCache {
  private readonly flights: Flights<Answer>;

  constructor(
    private readonly parts: CacheLayerParts,
    private readonly next: Infer,
  ) {
    this.flights = new Flights(parts.now);
  }

  infer(call: InferenceCall): Promise<Answer> {
    const ttl = this.ttlOf(call.name);
    return ttl === undefined ? this.next(call) : this.sought(call, ttl);
  }

  private async sought(call: InferenceCall, ttl: number): Promise<Answer> {
    const { models, memory, observe, now } = this.parts;
    const began = now();
    const standing = models.standing(call.name, call.version);
    if (standing?.digest === undefined) return this.next(call);
    const { identity: model, digest } = standing;
    // Before an answer is looked for, and before anybody waits for that of another: each is judged for itself.
    call.judge?.(model);
    const { read, write } = usageOf(call);
    if (!write) {
      observe(model, 'bypassed', 0);
      return this.next(call);
    }
    const sought = { call, began, key: this.keyOf(call, model.version, digest), model, digest, ttl };
    if (!read) {
      observe(model, 'bypassed', 0);
      return this.computed(sought, call.signal);
    }
    const kept = memory.get(sought.key);
    if (kept !== undefined) {
      observe(model, 'hit', this.since(began));
      return { model, outputs: kept, digest, cached: true };
    }
    return this.shared(sought);
  }

  /** Asks for all who want the same. */
  private async shared(sought: Sought): Promise<Answer> {
    const { call, began, key, model } = sought;
    const passenger = { signal: call.signal, deadline: call.request.deadline };
    const { value, joined } = await this.flights.board(key, passenger, (signal) => this.found(sought, signal));
    if (!joined) return value;
    this.parts.observe(model, 'joined', this.since(began));
    return { ...value, cached: true };
  }

  private async found(sought: Sought, signal: Cancellation): Promise<Answer> {
    const { memory, second, observe } = this.parts;
    const { began, key, model, digest, ttl } = sought;
    const outputs = await second?.get(key);
    observe(model, outputs === undefined ? 'miss' : 'second-level', this.since(began));
    if (outputs === undefined) return this.computed(sought, signal);
    memory.set(key, outputs, ttl);
    return { model, outputs, digest, cached: true };
  }

  private async computed({ call, key, model, digest, ttl }: Sought, signal: Cancellation): Promise<Answer> {
    const answer = await this.next({ ...call, signal });
    // The version may have been replaced meanwhile: what another gave is no answer of this one.
    if (answer.digest === digest && answer.model.version === model.version) this.keep(key, answer.outputs, ttl);
    return answer;
  }

  private keep(key: string, outputs: Outputs, ttl: number): void {
    this.parts.memory.set(key, outputs, ttl);
    this.parts.second?.put(key, outputs, ttl);
  }

  private since(began: number): number {
    return (this.parts.now() - began) / 1000;
  }

  private keyOf({ name: model, caller, request }: InferenceCall, version: string, digest: string): string {
    const tenant = caller === undefined ? ANONYMOUS : callerKey(caller);
    return keyOf({ model, version, digest, tenant: this.parts.shared ? undefined : tenant, request });
  }

  /** Seconds that answers of a model are kept; undefined where they are not. */
  private ttlOf(name: string): number | undefined {
    const { models, always, ttl } = this.parts;
    const rule = models.rulesOf(name)?.cache;
    if (rule === undefined) return always.has(name) ? ttl : undefined;
    return rule.enabled ? (rule.ttl ?? ttl) : undefined;
  }
}

/** The layer of the cache; it belongs next to the models. */
export function cacheLayer(parts: CacheLayerParts): Layer {
  return (next) => {
    const cache = new ResponseCache(parts, next);
    return (call) => cache.infer(call);
  };
}
