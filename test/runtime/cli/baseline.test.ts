import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { DRIFT_BASELINE } from '../../../runtime/contract';
import type { DriftBaseline } from '../../../runtime/contract';
import { parseBaseline } from '../../../runtime/inference/drift/baseline';
import { DRIFT_WINDOW } from '../../../runtime/inference/drift/feature-window';
import { DriftMonitor } from '../../../runtime/inference/drift/monitor';
import { packElements } from '../../../runtime/inference/tensors/elements';
import { normal } from '../support/random';
import { cli, scratch } from './support';

const next = normal(1);

function recordsFile(count: number, more: object[] = []): string {
  const file = path.join(scratch(), 'payload.jsonl');
  const record = (): object => ({
    inputs: [
      { name: 'x', datatype: 'FP32', shape: [2, 2], data: [next(), 5, next(), 5] },
      { name: 'wide', datatype: 'FP32', shape: [1, 20], data: Array.from({ length: 20 }, next) },
      { name: 't', datatype: 'BYTES', shape: [1], hash: 'ab' },
    ],
    outputs: [{ name: 'y', datatype: 'FP32', shape: [1], data: ['NaN'] }],
  });
  const lines = [...Array.from({ length: count }, record), ...more].map((each) => JSON.stringify(each));
  fs.writeFileSync(file, `${lines.join('\n')}\n`);
  return file;
}

const baseline = (...args: string[]) => cli(['model', 'baseline', ...args]);

describe('lnmt model baseline', () => {
  it('makes the file that the server reads, of every element of narrow rows and the mean of wide ones', async () => {
    const output = path.join(scratch(), DRIFT_BASELINE.file);
    const { code, out } = await baseline(recordsFile(150), '--out', output, '--json');
    expect([code, JSON.parse(out)]).toEqual([0, { out: output, records: 150, features: 4, texts: 0 }]);
    const tensor = (name: string) => ({ name, datatype: 'FP32', shape: undefined }) as const;
    const signature = { inputs: [tensor('x'), tensor('wide')], outputs: [tensor('y')] };
    const { features } = parseBaseline(fs.readFileSync(output, 'utf8'), signature);
    expect(features.map(({ side, tensor: name, element }) => [side, name, element])).toEqual([
      ['inputs', 'x', 0],
      ['inputs', 'x', 1],
      ['inputs', 'wide', 'mean'],
      ['outputs', 'y', 0],
    ]);
    const total = ({ counts }: { counts: readonly number[] }): number => counts.reduce((sum, count) => sum + count, 0);
    expect(features.map(total)).toEqual([300, 300, 150, 150]);
    expect(features[3]?.counts.at(-1)).toBe(150);
  });

  it('passes records of text over: their embeddings and texts are no tensors of the model', async () => {
    const output = path.join(scratch(), DRIFT_BASELINE.file);
    const vectors = { name: 'embedding', datatype: 'FP32', shape: [1, 2], data: [1, 2] };
    const text = { operation: 'OpenAiEmbeddings', tokens: { prompt: 3 }, inputs: [], outputs: [vectors] };
    const records = Array.from({ length: 120 }, () => text);
    const { out } = await baseline(recordsFile(150, records), '--out', output, '--json');
    expect(JSON.parse(out)).toEqual({ out: output, records: 150, features: 4, texts: 120 });
    expect((await baseline(recordsFile(150, records), '--out', output)).out).toContain(
      '4 features of 150 records written',
    );
    const { code, err } = await baseline(recordsFile(0, records), '--out', output);
    expect([code, err]).toEqual([2, expect.stringContaining('no numbers, and 120 records of text')]);
  });

  it.each([
    ['FP32', [0.1]],
    ['FP32', [0.1, 0.3, 0.7, 1 / 3, 1e-40, 3.4e38]],
    ['FP16', [0.1]],
    ['FP16', [0.1, 0.7, 2.0009765625, 6.1e-5, 1e-7, 65504]],
  ] as const)(
    'makes edges that the server finds its values at: %s that repeat are no drift where nothing changes',
    async (datatype, repeated) => {
      const output = path.join(scratch(), DRIFT_BASELINE.file);
      const shape = [1, repeated.length];
      const record = { inputs: [{ name: 'x', datatype, shape, data: repeated }], outputs: [] };
      const file = recordsFile(
        0,
        Array.from({ length: 10_000 }, () => record),
      );
      const features = ['inputs.x[0]', 'inputs.x[mean]'];
      await baseline(file, '--out', output, '--feature', ...features);
      const signature = { inputs: [{ name: 'x', datatype, shape }], outputs: [] };
      const monitor = new DriftMonitor('d', parseBaseline(fs.readFileSync(output, 'utf8'), signature), 1e9, Date.now);
      const observed = {
        inputs: [{ name: 'x', datatype, shape, data: packElements(datatype, repeated) }],
        outputs: [],
      };
      for (let row = 0; row < DRIFT_WINDOW.size; row++) monitor.observe(observed);
      expect(monitor.windows.map(({ reading }) => reading)).toEqual(
        features.map(() => ({ ks: 0, psi: expect.closeTo(0, 2) as number, drifted: false })),
      );
    },
  );

  it('takes the features that are named, and no others', async () => {
    const output = path.join(scratch(), DRIFT_BASELINE.file);
    await baseline(recordsFile(100), '--out', output, '--feature', 'inputs.x[1]', 'inputs.x[mean]');
    const { features } = JSON.parse(fs.readFileSync(output, 'utf8')) as DriftBaseline;
    expect(features.map(({ element }) => element)).toEqual([1, 'mean']);
  });

  it.each([
    ['a file that is not there', ['/nowhere.jsonl'], 'there is no such file'],
    ['a folder', [scratch()], 'that is a folder'],
    ['too few rows', [recordsFile(20)], 'the records hold too little'],
    ['a feature of another form', [recordsFile(1), '--feature', 'x'], 'a feature has no such form'],
    ['records without numbers', [recordsFile(0, [{ inputs: [] }])], 'no numbers'],
  ])('refuses %s', async (_title, args, message) => {
    const { code, err } = await baseline(...args, '--out', path.join(scratch(), 'b.json'));
    expect([code, err]).toEqual([2, expect.stringContaining(message)]);
  });

  it('finds out before the work that no file can be at the place, and makes folders for one', async () => {
    const folder = scratch();
    const { code, err } = await baseline(recordsFile(1), '--out', folder);
    expect([code, err]).toEqual([2, expect.stringContaining('--out names no place for a file: it is a folder')]);
    const socket = path.join(folder, 'socket');
    const server = net.createServer();
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    expect((await baseline(recordsFile(100), '--out', socket)).err).toContain('it is no regular file');
    server.close();
    const output = path.join(folder, 'new', DRIFT_BASELINE.file);
    expect((await baseline(recordsFile(100), '--out', output)).code).toBe(0);
    expect(fs.readdirSync(path.dirname(output))).toEqual([DRIFT_BASELINE.file]);
  });

  it('refuses a line that is not JSON, by its number', async () => {
    const file = recordsFile(2);
    fs.appendFileSync(file, '{"inputs"\n');
    expect((await baseline(file)).err).toContain('line 3');
  });
});
