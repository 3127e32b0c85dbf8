import fs from 'node:fs';
import path from 'node:path';
import { App } from 'cdktf';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { Auth, ClusterAccess, Delivery, Images, Model, SecretReference } from 'lnmt';
import { AwsCloud } from 'lnmt/aws';
import { PlatformStacks } from 'lnmt/stacks';
import type { DeliveryIndex } from '../../../constructs/delivery/delivery';
import { readTree } from '../../../runtime/cli/write-tree';
import { cli, scratch } from './support';

const AWKWARD = 'a: b # {{ .Values }} "quoted"\n${x} – ü';

let project: string;
let index: DeliveryIndex;

beforeAll(() => {
  project = scratch();
  const app = new App({ outdir: path.join(project, 'cdktf.out') });
  new PlatformStacks(app, 'ml', {
    cloud: new AwsCloud({ region: 'eu-west-1' }),
    platform: { access: ClusterAccess.insideNetwork() },
    endpoints: [
      { id: 'digits', model: Model.fromStore('digits', 3), auth: Auth.apiKeys(SecretReference.fromStore('k')) },
    ],
    images: Images.from('registry.example.com/lnmt', { inference: `sha256:${'0'.repeat(64)}` }),
    delivery: Delivery.export(),
  });
  app.synth();
  index = JSON.parse(fs.readFileSync(path.join(exported(), 'lnmt.json'), 'utf8')) as DeliveryIndex;
});

const exported = (): string => path.join(project, 'cdktf.out/export/ml-workloads');
const rendered = (): string => path.join(project, 'cdktf.out/rendered/ml-workloads');

function outputs(change: (values: Record<string, unknown>) => void = () => undefined): string {
  const values: Record<string, unknown> = Object.fromEntries(
    Object.keys(index.values).map((name) => [name, `value of ${name}`]),
  );
  change(values);
  const file = path.join(scratch(), 'outputs.json');
  fs.writeFileSync(
    file,
    JSON.stringify({ late_bound_values: { sensitive: true, type: ['map', 'string'], value: values } }),
  );
  return file;
}

const render = (file: string, ...more: string[]) => cli(['render', '--outputs', file, ...more], { cwd: project });

describe('lnmt render', () => {
  test('fills every named entry, and nothing else, in every release', async () => {
    const before = readTree(exported());
    const { code, out } = await render(outputs(), '--json');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ stack: 'ml-workloads', folder: 'cdktf.out/rendered/ml-workloads' });
    const after = readTree(rendered());
    expect([...after.keys()]).toEqual([...before.keys()]);
    for (const [file, text] of after) {
      if (!file.endsWith('/values.yaml')) expect(text, file).toBe(before.get(file));
      else if (after.has(file.replace('values.yaml', 'Chart.yaml'))) {
        for (const [name, value] of Object.entries((parse(text) ?? {}) as Record<string, unknown>))
          expect(value).toBe(`value of ${name}`);
      } else expect(text, file).not.toMatch(/\{\{ print/);
    }
    expect(readTree(exported())).toEqual(before);
  });

  test('gives the same bytes again, and follows changed values', async () => {
    await render(outputs());
    const first = readTree(rendered());
    await render(outputs());
    expect(readTree(rendered())).toEqual(first);
    const [name = ''] = Object.keys(index.values);
    await render(outputs((values) => void (values[name] = AWKWARD)));
    const texts = [...readTree(rendered())].filter(([file]) => file.endsWith('/values.yaml')).map(([, text]) => text);
    expect(texts.some((text) => JSON.stringify(parse(text)).includes(JSON.stringify(AWKWARD).slice(1, -1)))).toBe(true);
  });

  test('refuses outputs that lack a value, and names it', async () => {
    const [name = ''] = Object.keys(index.values);
    const { code, err } = await render(outputs((values) => delete values[name]));
    expect(code).toBe(2);
    expect(err).toContain('error LNMT6007');
    expect(err).toContain(name);
  });

  test('refuses outputs with a value that nothing waits for', async () => {
    expect((await render(outputs((values) => void (values['stranger'] = 'x')))).err).toMatch(
      /error LNMT6008[^]*stranger/,
    );
  });

  test.each([
    ['no JSON', '{'],
    ['the outputs of another stack', '{"cluster_name": {"value": "x"}}'],
    ['a list for a value', JSON.stringify({ late_bound_values: { value: { a: [] } } })],
  ])('refuses a file with %s', async (_what, content) => {
    const file = path.join(scratch(), 'o.json');
    fs.writeFileSync(file, content);
    expect(await render(file)).toMatchObject({ code: 2, err: expect.stringContaining('error LNMT6006') as string });
  });

  const without = (name: keyof DeliveryIndex, value?: unknown): string => JSON.stringify({ ...index, [name]: value });
  test.each<[string, () => string, string]>([
    ['nothing in it', () => '{}', 'it names no platform or no cloud'],
    ['a list', () => '[]', 'it holds no JSON object'],
    ['another mode', () => without('mode', 'push'), 'its mode is none of direct, argocd, flux, export'],
    ['no releases', () => without('releases'), 'it lists no releases'],
    ['a release without a name', () => without('releases', [{}]), 'release 0 has no name, no layer, no namespace or'],
    ['no values', () => without('values'), 'it lists no values'],
    ['a number for a value', () => without('values', { a: 1 }), 'it lists no values'],
    ['a text for its gaps', () => without('gaps', 'none'), 'its gaps are no JSON object'],
  ])('refuses an index with %s', async (_what, content, reason) => {
    const file = path.join(exported(), 'lnmt.json');
    const before = fs.readFileSync(file);
    fs.writeFileSync(file, content());
    const { code, err } = await render(outputs());
    fs.writeFileSync(file, before);
    expect([code, err]).toEqual([2, expect.stringContaining(`${file} cannot be used: ${reason}`)]);
    expect(err).toContain('error LNMT6006');
  });

  test('refuses to replace a folder that it did not write, and leaves it alone', async () => {
    const out = scratch();
    fs.mkdirSync(path.join(out, 'ml-workloads'));
    fs.writeFileSync(path.join(out, 'ml-workloads/precious'), 'x');
    expect((await render(outputs(), '--out', out)).err).toContain('error LNMT6005');
    expect(fs.readdirSync(path.join(out, 'ml-workloads'))).toEqual(['precious']);
    expect((await render(outputs(), '--out', 'cdktf.out/export')).err).toContain('error LNMT6005');
  });

  test('refuses a stack that was not exported, and a folder without exports', async () => {
    expect((await render(outputs(), '--stack', 'nope')).err).toMatch(/error LNMT6001[^]*ml-workloads/);
    expect((await render(outputs(), '--dir', 'nowhere')).err).toContain('error LNMT6004');
  });
});
