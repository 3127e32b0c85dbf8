import type { CallerLimits, Principal } from './api-keys';
import { overLimit } from './errors';

/** Limits of a caller for whom nothing else is said; 0 sets none. */
export interface CallerLimitSettings {
  /** Requests per second in the mean. */
  readonly ratePerSecond: number;
  /** Requests at once; 0 stands for two seconds of the rate. */
  readonly rateBurst: number;
  /** Requests that are answered at the same time. */
  readonly callerConcurrency: number;
  /** Requests in a day of UTC. */
  readonly requestsPerDay: number;
}

interface Account {
  /** When a request of it came last. */
  seen: number;
  tokens: number;
  refilled: number;
  running: number;
  day: number;
  today: number;
}

/** Callers that are remembered, and how many are forgotten at once when there are more. */
const ACCOUNTS = { most: 10_000, forgotten: 1_000 } as const;
const DAY_MS = 86_400_000;
const BURST_SECONDS = 2;

/** Groups an address with those that its owner can change it to: a /64 of IPv6. */
export function addressGroup(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined || !address.includes(':')) return mapped ?? address;
  const [head = '', tail] = address.split('%')[0]?.split('::') ?? [];
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length);
  const groups = [...left, ...Array<string>(zeros).fill('0'), ...right].slice(0, 4);
  return `${groups.map((group) => Number.parseInt(group, 16).toString(16)).join(':')}::/64`;
}

/** Token bucket, concurrency and daily quota of each caller, in memory of one process. */
export class CallerLimiter {
  private readonly accounts = new Map<string, Account>();

  constructor(
    private readonly settings: CallerLimitSettings,
    /** Milliseconds since the epoch. */
    private readonly now: () => number,
  ) {}

  /**
   * Takes a request in. Call what it returns when the request is over, once or more often.
   *
   * @param address whom to count it for where nobody is known; its concurrency is that of the server
   * @throws RequestError 429
   */
  enter(principal: Principal | null, address: string): () => void {
    const limits = principal?.limits ?? {};
    const account = this.account(
      principal === null ? `address ${addressGroup(address)}` : callerKey(principal),
      limits,
    );
    const concurrency = principal === null ? Infinity : (limits.concurrency ?? this.settings.callerConcurrency);
    if (account.running >= concurrency) throw overLimit(`${concurrency} requests of this caller are running`, 1);
    this.spend(account, limits);
    account.running += 1;
    let over = false;
    return () => {
      if (over) return;
      over = true;
      account.running -= 1;
    };
  }

  private spend(account: Account, limits: CallerLimits): void {
    const now = this.now();
    account.seen = now;
    const rate = limits.ratePerSecond ?? this.settings.ratePerSecond;
    const quota = limits.requestsPerDay ?? this.settings.requestsPerDay;
    const day = Math.floor(now / DAY_MS);
    if (day !== account.day) Object.assign(account, { day, today: 0 });
    if (quota > 0 && account.today >= quota) {
      throw overLimit(`the ${quota} requests of this day are used up`, Math.ceil(((day + 1) * DAY_MS - now) / 1000));
    }
    if (rate > 0) {
      const burst = this.burst(limits, rate);
      const elapsed = Math.max(0, now - account.refilled) / 1000;
      account.tokens = Math.min(burst, account.tokens + elapsed * rate);
      account.refilled = now;
      if (account.tokens < 1) {
        throw overLimit(`the rate of ${rate} requests per second is exceeded`, Math.ceil((1 - account.tokens) / rate));
      }
      account.tokens -= 1;
    }
    account.today += 1;
  }

  private burst(limits: CallerLimits, rate: number): number {
    return limits.burst ?? (this.settings.rateBurst || Math.max(1, Math.ceil(rate * BURST_SECONDS)));
  }

  private account(key: string, limits: CallerLimits): Account {
    return this.accounts.get(key) ?? this.open(key, limits);
  }

  private open(key: string, limits: CallerLimits): Account {
    if (this.accounts.size >= ACCOUNTS.most) this.forget();
    const now = this.now();
    const tokens = this.burst(limits, limits.ratePerSecond ?? this.settings.ratePerSecond);
    const account = { seen: now, tokens, refilled: now, running: 0, day: 0, today: 0 };
    this.accounts.set(key, account);
    return account;
  }

  /** Forgets those that were silent longest, many at once: to look for them takes a while. */
  private forget(): void {
    const silent = [...this.accounts].filter(([, { running }]) => running === 0);
    silent.sort(([, { seen: one }], [, { seen: other }]) => one - other);
    for (const [key] of silent.slice(0, ACCOUNTS.forgotten)) this.accounts.delete(key);
  }
}

/** Tells callers of one name but different proof apart. */
export function callerKey({ method, id }: Principal): string {
  return `${method} ${id}`;
}
