import type { FastifyBaseLogger } from 'fastify';
import { ModelError } from '../errors';
import { watchMemory } from '../host/memory';
import type { HostProcess } from '../host/process';

/** Milliseconds between two looks: a load takes memory faster than a model that serves. */
const LOOK_MS = { loading: 50, serving: 500 } as const;

/** Looks at the memory of a host from its start on, and ends it when it passes its budget. */
export class MemoryWatch {
  /** Resident bytes when they were last looked at. */
  resident = 0;
  private stop: () => void = () => undefined;
  private passed: HostProcess | undefined;

  /** @param budget bytes; 0 is none */
  constructor(
    private readonly budget: number,
    private readonly log: Pick<FastifyBaseLogger, 'error'>,
  ) {}

  /**
   * Watches a host that loads. The peak of a load holds pages of its files, which the system may take back; where the
   * kernel holds the host to its memory, it alone tells those apart.
   *
   * @param isHeld whether the kernel does
   */
  loading(host: HostProcess, isHeld: boolean): void {
    this.begin(host, LOOK_MS.loading, isHeld ? Number.POSITIVE_INFINITY : this.budget);
  }

  /** Watches a host that serves. */
  serving(host: HostProcess): void {
    this.begin(host, LOOK_MS.serving, this.budget);
  }

  /** Watches nothing any more. */
  end(): void {
    this.stop();
  }

  /** Why a host was ended, where that was for its memory. */
  reasonFor(host: HostProcess): ModelError | undefined {
    if (this.passed !== host) return undefined;
    return new ModelError('LNMT8306', `its process passed its budget of ${this.budget} bytes while loading`);
  }

  private begin(host: HostProcess, everyMs: number, most: number): void {
    this.stop();
    const { pid } = host;
    if (pid === undefined) return;
    const look = (bytes: number): void => {
      this.resident = bytes;
      if (most === 0 || bytes <= most) return;
      this.stop();
      this.passed = host;
      this.log.error({ pid, bytes, memoryBytes: most }, 'memory budget passed, ending the model host');
      host.kill();
    };
    this.stop = watchMemory(pid, everyMs, look);
  }
}
