import { arrivalsOf } from './arrivals';
import type { ArrivalKind } from './arrivals';
import { LoadClient } from './client';
import type { BenchRequest } from './client';
import { closedLoop, openLoop } from './load';
import type { LoopOptions } from './load';
import type { Run } from './record';
import type { Phase } from './report';
import { summaryOf } from './summary';
import { nextRate, saturationOf } from './sweep';
import type { Saturation, SweepLimits, SweepStep } from './sweep';

/** How load is made. Durations in milliseconds. */
export interface LoadPlan {
  readonly url: URL;
  /** Sent with every request. */
  readonly headers: Readonly<Record<string, string>>;
  readonly requests: readonly BenchRequest[];
  /** Requests per second; absent in a closed loop. */
  readonly rate?: number;
  readonly arrivals: ArrivalKind;
  /** Callers of a closed loop; most requests under way of an open one. */
  readonly concurrency: number;
  readonly durationMs: number;
  readonly maxRequests: number;
  readonly warmUpMs: number;
  readonly timeoutMs: number;
  readonly seed: number;
  readonly honourRetryAfter: boolean;
  /** Milliseconds within which an answer is good. @default - whenever it comes */
  readonly slo?: number;
  readonly signal: AbortSignal;
}

/** What was measured. */
export interface Measured {
  readonly phases: readonly Phase[];
  readonly saturation?: Saturation;
}

/** Puts load on one route. */
export class LoadBench {
  private readonly client: LoadClient;

  constructor(
    private readonly plan: LoadPlan,
    private readonly onPhase: (phase: Phase) => void,
  ) {
    const { url, headers, requests, timeoutMs, concurrency } = plan;
    this.client = new LoadClient({ url, headers, requests, timeoutMs, maxSockets: concurrency });
  }

  /** One rate, or one number of callers. */
  async once(): Promise<Measured> {
    return this.guarded(async () => {
      await this.warmUp(this.plan.rate);
      return { phases: [await this.phase(this.plan.rate)] };
    });
  }

  /** Raises the rate until goodput does not follow, or the service level breaks. */
  async sweep(limits: SweepLimits): Promise<Measured> {
    return this.guarded(async () => {
      const phases: Phase[] = [];
      const steps: SweepStep[] = [];
      await this.warmUp(limits.startRate);
      for (let rate = nextRate(steps, limits); rate !== undefined; rate = nextRate(steps, limits)) {
        if (this.plan.signal.aborted) break;
        const phase = await this.phase(rate);
        const { goodput, latency, failedShare, offeredPerSecond = rate } = phase.summary;
        // Random arrivals do not come to the rate exactly.
        const offered = Math.min(rate, offeredPerSecond);
        steps.push({ rate, goodput: (goodput / (offered || rate)) * rate, p99: latency?.p99, failedShare });
        phases.push(phase);
      }
      const peakGoodput = phases.reduce((most, { summary }) => Math.max(most, summary.goodput), 0);
      return { phases, saturation: { ...saturationOf(steps, limits.slo), peakGoodput } };
    });
  }

  private async guarded(work: () => Promise<Measured>): Promise<Measured> {
    try {
      return await work();
    } finally {
      this.client.close();
    }
  }

  private async warmUp(rate: number | undefined): Promise<void> {
    if (this.plan.warmUpMs > 0) await this.run(rate, this.plan.warmUpMs);
  }

  private async phase(rate: number | undefined): Promise<Phase> {
    const { durationMs, slo } = this.plan;
    const summary = summaryOf(await this.run(rate, durationMs), rate !== undefined, slo);
    const phase = { ...(rate === undefined ? {} : { rate }), summary };
    this.onPhase(phase);
    return phase;
  }

  private run(rate: number | undefined, durationMs: number): Promise<Run> {
    const { arrivals: kind, maxRequests, concurrency, honourRetryAfter, signal, seed } = this.plan;
    const loop: LoopOptions = {
      ...{ send: this.client.send, durationMs, maxRequests, maxInFlight: concurrency, honourRetryAfter, signal },
    };
    if (rate === undefined) return closedLoop(loop);
    return openLoop(loop, arrivalsOf({ kind, rate, durationMs, maxRequests, seed }), 1000 / rate);
  }
}
