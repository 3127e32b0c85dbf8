import type * as Jose from 'jose' with { 'resolution-mode': 'import' };

/** How long fetched keys are used, and how an issuer is asked for them. Milliseconds. */
export const KEY_LIMITS = {
  /** Keys are fetched again after this. */
  cacheMs: 10 * 60_000,
  /** An unknown key id makes the keys be fetched again, but not more often than this. */
  cooldownMs: 30_000,
  /** For one fetch. */
  timeoutMs: 5_000,
  /** An issuer that did not answer is left alone for this, from when it was given up. */
  retryMs: 5_000,
  /** Keys outlive an issuer that is out of reach by this. */
  graceMs: 60 * 60_000,
} as const;

/** Neither are keys known that hold, nor can any be fetched. */
export class KeysUnavailable extends Error {
  constructor(cause: unknown) {
    super('the keys of the issuer cannot be fetched', { cause });
  }
}

/**
 * The keys that one issuer publishes. Keys that are known and hold are used at once, whatever the issuer does: they are
 * fetched anew beside the requests, one fetch at a time.
 */
export class IssuerKeys {
  private readonly remote: ReturnType<typeof Jose.createRemoteJWKSet>;
  private known: ReturnType<typeof Jose.createLocalJWKSet> | undefined;
  private fetchedAt = Number.NEGATIVE_INFINITY;
  private fetching: Promise<void> | undefined;
  private failed: { readonly at: number; readonly error: unknown } | undefined;
  private timer: NodeJS.Timeout | undefined;

  /** Nothing is fetched yet. */
  constructor(
    private readonly jose: typeof Jose,
    uri: URL,
  ) {
    this.remote = jose.createRemoteJWKSet(uri, { timeoutDuration: KEY_LIMITS.timeoutMs });
  }

  /**
   * The key that a token names.
   *
   * @throws KeysUnavailable; JOSEError when the issuer has no such key
   */
  async find(header: Jose.JWTHeaderParameters): Promise<Jose.CryptoKey> {
    const { cacheMs, cooldownMs, graceMs } = KEY_LIMITS;
    if (this.age > cacheMs + graceMs) await this.refresh();
    else if (this.age >= cacheMs) void this.refresh().catch(() => undefined);
    try {
      return await this.pick(header);
    } catch (error) {
      if (!(error instanceof this.jose.errors.JWKSNoMatchingKey) || this.age < cooldownMs) throw error;
      // Whoever names a key that nobody knows waits for it alone.
      await this.refresh().catch(() => {
        throw error;
      });
      return this.pick(header);
    }
  }

  /** Fetches no more. */
  close(): void {
    clearInterval(this.timer);
  }

  private get age(): number {
    return Date.now() - this.fetchedAt;
  }

  private pick(header: Jose.JWTHeaderParameters): Promise<Jose.CryptoKey> {
    if (this.known === undefined) throw new KeysUnavailable(this.failed?.error);
    return this.known(header);
  }

  private refresh(): Promise<void> {
    const { failed } = this;
    // Callers whom nobody knows yet must not make the server ask an issuer again and again.
    if (this.fetching === undefined && failed !== undefined && Date.now() - failed.at < KEY_LIMITS.retryMs) {
      return Promise.reject(new KeysUnavailable(failed.error));
    }
    this.fetching ??= this.fetch().finally(() => (this.fetching = undefined));
    return this.fetching;
  }

  private async fetch(): Promise<void> {
    try {
      await this.remote.reload();
      const keys = this.remote.jwks();
      if (keys !== undefined) this.known = this.jose.createLocalJWKSet(keys);
      this.fetchedAt = Date.now();
      this.failed = undefined;
    } catch (error) {
      // When it was given up, not when it was asked: a fetch that hangs takes as long as it is left alone.
      this.failed = { at: Date.now(), error };
      throw new KeysUnavailable(error);
    }
    // Where nobody calls for a while, keys that were withdrawn would still open the door to whoever comes first.
    this.timer ??= setInterval(() => void this.refresh().catch(() => undefined), KEY_LIMITS.cacheMs).unref();
  }
}
