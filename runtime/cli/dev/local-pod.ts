import { setTimeout as delay } from 'node:timers/promises';
import { EXIT_CODES } from '../../contract';
import { notReady } from '../errors';
import { LocalProcess } from './local-process';
import type { ProcessExit, ProcessSpec } from './local-process';
import { askProbe, ProbeVerdict } from './probe';
import type { Probe } from './probe';
import type { Workload } from './workload';

/** What happens to a pod, for people. */
export type PodEvents = (message: string) => void;

/** A pod that can be started. */
export interface PodSpec {
  readonly workload: Workload;
  readonly process: ProcessSpec;
  readonly host: string;
  /** Local port of each container port. */
  readonly ports: ReadonlyMap<number, number>;
  readonly onEvent: PodEvents;
}

/** The event of a pod that passed its readiness probe. */
export const READY = 'ready';

/** Pauses before restarts: the kubelet's doubling, a tenth of its length. */
const BACKOFF = { firstMs: 1_000, mostMs: 30_000 } as const;
/** A pod that ran that long starts over with short pauses. */
const STABLE_MS = 60_000;

/** One pod as a local process: started, probed, restarted and ended as its manifest says. */
export class LocalPod {
  /** Resolves when the pod is ready for the first time. @throws LNMT6022 when its first start fails */
  readonly ready: Promise<void>;
  /** Resolves when the pod is never started again. */
  readonly life: Promise<void>;
  /** Starts so far. */
  starts = 0;
  private process: LocalProcess | undefined;
  private readonly ending = new AbortController();
  private settle: { readonly resolve: () => void; readonly reject: (error: Error) => void } | undefined;

  constructor(private readonly spec: PodSpec) {
    this.ready = new Promise((resolve, reject) => {
      this.settle = { resolve, reject };
    });
    // Whoever does not wait for readiness hears of the failure through events.
    this.ready.catch(() => undefined);
    this.life = this.live();
  }

  /** Name of the Deployment. */
  get name(): string {
    return `${this.spec.workload.namespace}/${this.spec.workload.name}`;
  }

  /** Process id of the program; undefined while there is none. */
  get pid(): number | undefined {
    return this.process?.pid;
  }

  /** Ends the pod for good. Resolves when no process is left. */
  async stop(): Promise<void> {
    this.ending.abort();
    await this.process?.stop(this.spec.workload);
    await this.life;
  }

  /** Cuts grace periods short. */
  hurry(): void {
    this.process?.hurry();
  }

  private async live(): Promise<void> {
    let pause: number = BACKOFF.firstMs;
    while (!this.ending.signal.aborted) {
      const began = performance.now();
      const how = await this.runOnce();
      if (this.ending.signal.aborted) return;
      this.settle?.reject(notReady(this.name, how));
      if (how.startsWith(`code ${EXIT_CODES.usage}`)) {
        this.spec.onEvent(`ended with ${how}: its configuration is wrong, so that it is not started again`);
        return;
      }
      if (performance.now() - began > STABLE_MS) pause = BACKOFF.firstMs;
      this.spec.onEvent(`ended with ${how}; starting again in ${pause / 1000} s`);
      await delay(pause, undefined, { signal: this.ending.signal }).catch(() => undefined);
      pause = Math.min(2 * pause, BACKOFF.mostMs);
    }
  }

  /** Runs the program until it ends, by itself or because it is not alive any more; says how. */
  private async runOnce(): Promise<string> {
    this.starts += 1;
    const current = new LocalProcess(this.spec.process);
    this.process = current;
    const watching = new AbortController();
    const unhealthy = this.watch(watching.signal);
    const first = await Promise.race([current.exited, unhealthy]);
    watching.abort();
    if (typeof first !== 'string') return describeExit(first);
    this.spec.onEvent(first);
    if (!this.ending.signal.aborted) await current.stop(this.spec.workload);
    await current.exited;
    return first;
  }

  /** Asks the probes. Resolves with a reason when the program has to be replaced. */
  private async watch(signal: AbortSignal): Promise<string> {
    const { startup, liveness } = this.spec.workload;
    if (startup !== undefined && !(await this.until(startup, signal))) {
      return `startup probe ${startup.path} failed ${startup.failures} times`;
    }
    void this.watchReadiness(signal);
    if (liveness === undefined) return new Promise(() => undefined);
    let alive: boolean | undefined = true;
    const verdict = new ProbeVerdict(liveness);
    for await (const answer of this.answers(liveness, signal)) {
      alive = verdict.add(answer);
      if (alive === false) return `liveness probe ${liveness.path} failed ${liveness.failures} times`;
    }
    return new Promise(() => undefined);
  }

  private async watchReadiness(signal: AbortSignal): Promise<void> {
    const { readiness } = this.spec.workload;
    if (readiness === undefined) return this.announce(true);
    const verdict = new ProbeVerdict(readiness);
    let before: boolean | undefined;
    for await (const answer of this.answers(readiness, signal)) {
      const now = verdict.add(answer);
      if (now !== before && now !== undefined) this.announce(now);
      before = now;
    }
  }

  private announce(ready: boolean): void {
    this.spec.onEvent(ready ? READY : 'not ready');
    if (ready) this.settle?.resolve();
  }

  private async until(probe: Probe, signal: AbortSignal): Promise<boolean> {
    const verdict = new ProbeVerdict(probe);
    for await (const answer of this.answers(probe, signal)) {
      const now = verdict.add(answer);
      if (now !== undefined) return now;
    }
    return new Promise(() => undefined);
  }

  private async *answers(probe: Probe, signal: AbortSignal): AsyncGenerator<boolean> {
    const wait = (seconds: number): Promise<void> =>
      delay(seconds * 1000, undefined, { signal }).catch(() => undefined);
    await wait(probe.initialDelay);
    while (!signal.aborted) {
      const port = this.portOf(probe);
      const answer = port !== undefined && (await askProbe(probe, { host: this.spec.host, port }));
      if (signal.aborted) return;
      yield answer;
      await wait(probe.period);
    }
  }

  private portOf({ port }: Probe): number | undefined {
    const { workload, ports } = this.spec;
    const container = typeof port === 'number' ? port : workload.ports.get(port);
    return container === undefined ? undefined : ports.get(container);
  }
}

function describeExit({ code, signal }: ProcessExit): string {
  return signal === null ? `code ${code ?? 'unknown'}` : `signal ${signal}`;
}
