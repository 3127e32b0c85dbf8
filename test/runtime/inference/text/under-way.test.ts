import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { VLLM_METRICS } from '../../../../runtime/contract';
import { observeText } from '../../../../runtime/inference/observe';
import { buildServerMetrics } from '../../../../runtime/inference/server-metrics';
import { UnderWay } from '../../../../runtime/inference/text/under-way';

const LABELS = '{model_name="tiny",version="1"}';

it('answers under way and the times of their tokens are shown under the names of vLLM', async () => {
  const registry = new Registry();
  const metrics = buildServerMetrics(registry);
  const observe = observeText(metrics, { name: 'tiny', version: '1' }, 200);
  let now = 0;
  let freed = 0;
  const under = new UnderWay(observe, () => now);
  const value = async (name: string): Promise<number> => {
    await metrics.aliases?.refresh(metrics, []);
    const line = (await registry.metrics()).split('\n').find((each) => each.startsWith(`${name}${LABELS} `));
    return Number(line?.split(' ')[1]);
  };
  const waitingAndRunning = async (): Promise<number[]> => [
    await value(VLLM_METRICS.waiting.name),
    await value(VLLM_METRICS.running.name),
  ];
  const first = under.begin(() => (freed += 1));
  const second = under.begin(() => (freed += 1));
  expect(await waitingAndRunning()).toEqual([2, 0]);
  now = 2;
  first.spoke(1);
  expect(await waitingAndRunning()).toEqual([1, 1]);
  now = 3;
  first.spoke(2);
  first.over();
  first.over();
  second.over();
  // Its last token is read after its end is known.
  second.spoke(1);
  observe.cache(50);
  expect(await waitingAndRunning()).toEqual([0, 0]);
  expect(freed).toBe(2);
  expect(await value(`${VLLM_METRICS.timeToFirstToken.name}_sum`)).toBe(5);
  expect(await value(`${VLLM_METRICS.tokenInterval.name}_sum`)).toBe(1);
  expect(await value(`${VLLM_METRICS.tokenInterval.name}_count`)).toBe(2);
  expect(await value(VLLM_METRICS.generatedTokens.name)).toBe(4);
  expect(await value(VLLM_METRICS.kvCacheUsage.name)).toBe(0.25);
});
