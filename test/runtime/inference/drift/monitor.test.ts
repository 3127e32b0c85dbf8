import fs from 'node:fs';
import path from 'node:path';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DRIFT_BASELINE, driftFeature, inferPath, METRICS, PATHS } from '../../../../runtime/contract';
import type { DriftBaseline, DriftFeatureName } from '../../../../runtime/contract';
import { parseBaseline } from '../../../../runtime/inference/drift/baseline';
import { DriftMonitors } from '../../../../runtime/inference/drift/monitors';
import { buildServerMetrics } from '../../../../runtime/inference/server-metrics';
import { DriftMonitor } from '../../../../runtime/inference/drift/monitor';
import { packElements } from '../../../../runtime/inference/tensors/elements';
import type { Datatype, Tensor } from '../../../../runtime/inference/tensors/tensor';
import { numberReader } from '../../../../runtime/inference/tensors/values';
import { FULL_KEY, testServer } from '../../support/server';
import type { TestServer } from '../../support/server';
import { normal } from '../../support/random';
import { temporaryFolder } from '../../support/temporary';

const first: DriftFeatureName = { side: 'inputs', tensor: 'x', element: 0 };
const next = normal(1);
const values = Array.from({ length: 10_000 }, next);
const baselineOf = (...names: DriftFeatureName[]): DriftBaseline => ({
  format: DRIFT_BASELINE.format,
  features: names.map((name) => driftFeature(name, values)),
});

const signature = {
  inputs: [
    { name: 'x', datatype: 'FP32', shape: [-1, 2] },
    { name: 't', datatype: 'BYTES', shape: [-1] },
  ],
  outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 2] }],
} as const;

const tensor = (data: readonly number[], shape: readonly number[], datatype: Datatype = 'FP32'): Tensor => ({
  ...{ name: 'x', datatype, shape },
  data: packElements(datatype, data),
});

describe('baseline.json', () => {
  it('is read as it is written', () => {
    const baseline = baselineOf(first, { side: 'outputs', tensor: 'y', element: 'mean' });
    expect(parseBaseline(JSON.stringify(baseline), signature)).toEqual(baseline);
  });

  const [feature] = baselineOf(first).features;
  const changed = (change: object): string =>
    JSON.stringify({ format: DRIFT_BASELINE.format, features: [{ ...feature, ...change }] });

  it.each([
    ['what is no JSON', '{', 'it is not JSON'],
    ['another format', '{"format":"x","features":[]}', `format is not ${DRIFT_BASELINE.format}`],
    [
      'no features',
      JSON.stringify({ format: DRIFT_BASELINE.format, features: [] }),
      'features is not a list of 1 to 64',
    ],
    ['another side', changed({ side: 'x' }), 'features[0].side is not inputs or outputs'],
    ['no name', changed({ tensor: 1 }), 'features[0].tensor is not a name'],
    ['an element before the first', changed({ element: -1 }), 'features[0].element is not mean or a place from 0'],
    ['edges that do not ascend', changed({ edges: [2, 1] }), 'features[0].edges do not ascend'],
    ['edges that are no numbers', changed({ edges: ['1'] }), 'features[0].edges is not a list of at most 66 numbers'],
    ['counts of other bins', changed({ counts: [1_000] }), 'features[0].counts are not 65 numbers of values'],
    ['too few values', changed({ edges: [0], counts: [5, 5, 0] }), 'features[0] has 10 values, at least 100'],
    ['a tensor that the model has not', changed({ tensor: 'z' }), 'the model has no inputs.z[0]'],
    ['text', changed({ tensor: 't' }), 'inputs.t[0] is text, which has no numbers'],
    [
      'a feature twice',
      JSON.stringify({ format: DRIFT_BASELINE.format, features: [feature, feature] }),
      'two features are the same',
    ],
  ])('refuses %s', (_title, text, message) => {
    const whole = `LNMT8371: the drift baseline of the model is not valid: ${message}`;
    expect(() => parseBaseline(text, signature)).toThrow(whole);
  });
});

describe('elements', () => {
  it.each<[Datatype, (number | bigint | boolean)[], number[]]>([
    ['BOOL', [true, false], [1, 0]],
    ['INT8', [-3, 4], [-3, 4]],
    ['UINT16', [3, 65_535], [3, 65_535]],
    ['INT32', [-3, 4], [-3, 4]],
    ['INT64', [-3n, 2n ** 40n], [-3, 2 ** 40]],
    ['UINT64', [3n, 4n], [3, 4]],
    ['FP16', [0.5, -2], [0.5, -2]],
    ['FP32', [0.5, -2], [0.5, -2]],
    ['FP64', [0.1, -2], [0.1, -2]],
  ])('of %s are read as numbers, wherever their bytes begin', (datatype, written, expected) => {
    const packed = packElements(datatype, written);
    const shifted = new Uint8Array(packed.length + 1);
    shifted.set(packed, 1);
    const read = numberReader({ datatype, data: shifted.subarray(1) });
    expect([0, 1].map((index) => read?.(index))).toEqual(expected);
  });

  it('of text are none', () => {
    const text = { datatype: 'BYTES', data: packElements('BYTES', ['a']) } as const;
    expect(numberReader(text)).toBeUndefined();
  });
});

describe('a monitor', () => {
  let now = 0;
  const monitorOf = (baseline: DriftBaseline, rowsPerSecond = 1_000): DriftMonitor =>
    new DriftMonitor('digest', baseline, rowsPerSecond, () => now);

  it('takes the element and the mean of each row, and leaves out what a row has not', () => {
    const mean = { ...first, element: 'mean' } as const;
    const monitor = monitorOf(baselineOf(first, mean, { ...first, element: 9 }, { ...first, tensor: 'absent' }));
    for (let count = 0; count < 100; count++) {
      now += 1_000;
      const rows = Array.from({ length: 20 }, () => [next(), 100]).flat();
      expect(monitor.observe({ inputs: [tensor(rows, [20, 2])], outputs: [] })).toBe(20);
    }
    expect(monitor.windows.map(({ reading }) => reading?.drifted)).toEqual([false, true, undefined, undefined]);
    expect(monitor.drifted).toBe(true);
  });

  it('takes 32 rows of a request, and no more a second than it may', () => {
    const monitor = monitorOf(baselineOf(first), 100);
    const large = { inputs: [tensor(new Array<number>(400).fill(0), [200, 2])], outputs: [] };
    now += 10_000;
    expect([1, 2, 3, 4, 5].map(() => monitor.observe(large))).toEqual([32, 32, 32, 4, 0]);
    now += 500;
    expect([1, 2, 3].map(() => monitor.observe(large))).toEqual([32, 18, 0]);
  });

  it('reads at most 65 536 elements of a request for a mean', () => {
    const monitor = monitorOf(baselineOf({ ...first, element: 'mean' }));
    now += 10_000;
    const wide = (width: number): number =>
      monitor.observe({ inputs: [tensor(new Array<number>(4 * width).fill(0), [4, width])], outputs: [] });
    expect([wide(2 ** 15), wide(2 ** 17)]).toEqual([2, 0]);
  });
});

describe('a version with a baseline', () => {
  let server: TestServer;
  let dir: string;

  beforeEach(async () => {
    dir = temporaryFolder();
    server = await testServer();
    const file = path.join(dir, DRIFT_BASELINE.file);
    fs.writeFileSync(file, JSON.stringify(baselineOf(first, { side: 'outputs', tensor: 'y', element: 0 })));
    server.source.baseline = file;
  });

  afterEach(async () => {
    await server.app.close();
    fs.rmSync(dir, { recursive: true });
  });

  const send = async (rows: readonly number[][]): Promise<void> => {
    const answer = await server.app.inject({
      ...{ method: 'POST', url: inferPath('demo'), headers: { 'x-api-key': FULL_KEY } },
      payload: { inputs: [{ name: 'x', datatype: 'FP32', shape: [rows.length, 2], data: rows.flat() }] },
    });
    expect(answer.statusCode).toBe(200);
  };
  const shown = async (): Promise<string> => (await server.metricsApp.inject({ url: PATHS.metrics })).body;
  const labels = 'model="demo",version="1"';

  it('shows in its metrics that requests and answers have changed', async () => {
    await server.load('model.onnx');
    expect(await shown()).toContain(`${METRICS.driftDetected.name}{${labels}} 0`);
    expect(await shown()).not.toContain(`${METRICS.driftKs.name}{`);
    for (let count = 0; count < 40; count++) await send(Array.from({ length: 32 }, () => [next() + 2, 0]));
    await expect.poll(shown).toContain(`${METRICS.driftDetected.name}{${labels}} 1`);
    const text = await shown();
    for (const feature of ['inputs.x[0]', 'outputs.y[0]']) {
      expect(text).toMatch(
        new RegExp(
          `^${METRICS.driftKs.name}\\{${labels},feature="${feature.replace(/[[\]]/g, '\\$&')}"\\} 0\\.[5-9]`,
          'm',
        ),
      );
      expect(text).toContain(`${METRICS.driftPsi.name}{${labels},feature="${feature}"}`);
    }
  });

  it('loses its series when it is served no more', async () => {
    await server.load('model.onnx');
    expect(await shown()).toContain(`${METRICS.driftDetected.name}{`);
    server.source.baseline = undefined;
    server.source.revision += 1;
    await server.models.load('demo');
    expect(await shown()).not.toContain(`${METRICS.driftDetected.name}{`);
  });

  it('is not served where its baseline is wrong', async () => {
    fs.writeFileSync(server.source.baseline ?? '', '{}');
    await expect(server.load('model.onnx')).rejects.toThrow('LNMT8371');
    expect(server.models.ready).toBe(false);
  });
});

it('a version without a baseline is asked past the layer', () => {
  const monitors = new DriftMonitors(buildServerMetrics(new Registry()), 1_000, () => 0);
  const answer = Promise.resolve({ model: { name: 'demo', version: '1' }, outputs: [] });
  const call = { name: 'demo', version: undefined, request: { id: undefined, inputs: [], outputs: undefined } };
  const asked = monitors.layer(() => answer)({
    ...{ ...call, signal: new AbortController().signal, caller: undefined },
    attribute: () => undefined,
  });
  expect(asked).toBe(answer);
});
