import { randomUUID } from 'node:crypto';
import type { Registry } from 'prom-client';
import type { Outbox } from './outbox';
import type { Sender } from './sender';

const FLUSH_MS = 1_000;
/** Between two looks at an empty outbox. */
const IDLE_MS = 10_000;
/** Milliseconds that the last records of a server may take to the collector. */
const FAREWELL_MS = 2_000;

/** Time, as a test can replace it. */
export interface Clock {
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
  /** What the clock on the wall says; nothing is ordered by it. */
  readonly wall: () => Date;
  /** Ends early, without failing, when the signal fires. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** What telemetry is made of. */
export interface TelemetryOptions {
  readonly outbox: Outbox;
  readonly sender: Sender;
  readonly registry: Pick<Registry, 'getMetricsAsJSON'>;
  /** Brings the metrics that are computed when somebody asks up to date. */
  readonly refresh: () => Promise<void>;
  /** Milliseconds between two records of the metrics. */
  readonly intervalMs: number;
  readonly clock: Clock;
  /** Metrics that are recorded, by name. */
  readonly recorded: (name: string) => boolean;
  /** Called when what is on the disk may have changed. */
  readonly observed: () => void;
  /** Told when the metrics cannot be recorded. */
  readonly failed: (error: unknown) => void;
}

/** Records the metrics again and again, and brings records to the collector. Requests never wait for any of it. */
export class Telemetry {
  private readonly boot = randomUUID();
  private readonly started: number;
  private readonly ended = new AbortController();
  private loops: Promise<unknown> = Promise.resolve();
  private count = 0;

  constructor(private readonly options: TelemetryOptions) {
    this.started = options.clock.now();
  }

  /** Begins. */
  start(): void {
    this.loops = Promise.all([this.record(), this.flush(), this.send()]);
  }

  /**
   * Takes a record of any kind. Its place in the order is `boot` and `n`, whatever the clock says.
   *
   * @param body what can be written as JSON
   */
  put(kind: string, body: Readonly<Record<string, unknown>>): void {
    this.options.outbox.put(JSON.stringify({ ...this.head(kind), ...body }));
  }

  /** Takes lines of JSON, each a record of this kind, as they are: reading them would round integers of 64 bits. */
  putLines(kind: string, lines: string): void {
    for (const line of lines.split('\n')) {
      if (line !== '') this.options.outbox.put(`${JSON.stringify(this.head(kind)).slice(0, -1)},"record":${line}}`);
    }
  }

  /** Records the metrics as they are. Buckets of histograms stay here. */
  async snapshot(): Promise<void> {
    const { registry, refresh, recorded } = this.options;
    await refresh();
    const values = (await registry.getMetricsAsJSON())
      .filter(({ name }) => recorded(name))
      .flatMap((metric) =>
        (metric.values as readonly Sample[])
          .filter(({ metricName }) => metricName?.endsWith('_bucket') !== true)
          .map(({ metricName, labels, value }) => ({ name: metricName ?? metric.name, labels, value })),
      );
    this.put('metrics', { values });
  }

  /** Stops; what is left goes to the disk, and to the collector where that is quick. */
  async close(): Promise<void> {
    this.ended.abort();
    await this.loops;
    await this.snapshot().catch(this.options.failed);
    await this.options.outbox.flush();
    const enough = AbortSignal.timeout(FAREWELL_MS);
    while (!enough.aborted && (await this.options.sender.step(enough)) === 0);
  }

  private head(kind: string): Readonly<Record<string, unknown>> {
    const { clock } = this.options;
    this.count += 1;
    const uptime = Math.round(clock.now() - this.started) / 1000;
    return { boot: this.boot, n: this.count, uptime, at: clock.wall(), kind };
  }

  private async record(): Promise<void> {
    const { clock, intervalMs } = this.options;
    for (;;) {
      await clock.sleep(intervalMs, this.ended.signal);
      if (this.ended.signal.aborted) return;
      await this.snapshot().catch(this.options.failed);
    }
  }

  private async flush(): Promise<void> {
    while (!this.ended.signal.aborted) {
      await this.options.outbox.flush();
      this.options.observed();
      await this.options.clock.sleep(FLUSH_MS, this.ended.signal);
    }
  }

  private async send(): Promise<void> {
    const { clock, sender, intervalMs, observed } = this.options;
    while (!this.ended.signal.aborted) {
      const pause = (await sender.step(this.ended.signal)) ?? Math.min(intervalMs, IDLE_MS);
      observed();
      if (pause > 0) await clock.sleep(pause, this.ended.signal);
    }
  }
}

/** A sample of prom-client, as histograms have it too. */
interface Sample {
  readonly metricName?: string;
  readonly labels: Readonly<Record<string, string | number | undefined>>;
  readonly value: number;
}
