import type { Registry } from 'prom-client';
import type { METRICS } from '../../contract';
import type { MetricSet } from '../../shared/metrics';
import type { GpuReading } from './devices';
import type { Tallies } from './tallies';
import { TritonAliases } from './triton';
import type { Waiting } from './triton';
import { VllmAliases } from './vllm';

/** Names that the settings may ask for. */
export type AliasSet = 'triton' | 'vllm' | 'none';

/** The metrics under the names of others, as far as the settings ask for them. */
export class MetricAliases {
  /** Absent where nobody asks for the names of vLLM. */
  readonly vllm: VllmAliases | undefined;
  private readonly triton: TritonAliases | undefined;

  constructor(registry: Registry, sets: readonly AliasSet[], tallies: Tallies) {
    this.triton = sets.includes('triton') ? new TritonAliases(registry, tallies) : undefined;
    this.vllm = sets.includes('vllm') ? new VllmAliases(registry) : undefined;
  }

  /** Brings them up to date. */
  async refresh(own: MetricSet<typeof METRICS>, gpus: readonly GpuReading[]): Promise<void> {
    this.triton?.refresh(await waitingOf(own), gpus);
    await this.vllm?.refresh(own);
  }
}

async function waitingOf({ queueDepth }: MetricSet<typeof METRICS>): Promise<readonly Waiting[]> {
  const { values } = await queueDepth.get();
  return values.flatMap(({ value, labels: { model, version } }) =>
    model === undefined || version === undefined
      ? []
      : [{ labels: { model: String(model), version: String(version) }, requests: value }],
  );
}
