import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { INFERENCE_ENV } from '../../../runtime/contract';
import type { EnvVariable } from '../../../runtime/contract';
import { parseBaseline } from '../../../runtime/inference/drift/baseline';
import { parseModelsFile } from '../../../runtime/inference/models-config';
import { parsePipelines } from '../../../runtime/inference/pipelines/read-file';
import { parseManifest } from '../../../runtime/inference/processing/plugins/manifest';
import { parseProcessing } from '../../../runtime/inference/processing/settings';
import { trafficOf } from '../../../runtime/inference/traffic/rule-config';

const SERVER = path.resolve(__dirname, '../../../runtime/inference');
const SETTINGS = fs.readFileSync(path.join(SERVER, 'SETTINGS.md'), 'utf8');

/** The one document of JSON that a README shows. */
function documentOf(folder: string): string {
  const readme = fs.readFileSync(path.join(SERVER, folder, 'README.md'), 'utf8');
  const [block = '', ...others] = [...readme.matchAll(/^```json\n([^]*?)^```$/gm)].map(([, text]) => text ?? '');
  expect(others).toEqual([]);
  return block;
}

/** What a setting may be, for people: that of a text stands in its meaning. */
function allowed({ kind, values = [], min, max }: EnvVariable): string {
  const choices = values.map((value) => `\`${value}\``).join(', ');
  const bounds = [min === undefined ? [] : [`from ${min}`], max === undefined ? [] : [`to ${max}`]].flat().join(' ');
  switch (kind) {
    case 'boolean':
      return '`true`, `false`';
    case 'enum':
      return choices;
    case 'list':
      return choices === '' ? 'list' : `list of ${choices}`;
    case 'integer':
      return `integer ${bounds}`.trim();
    case 'duration':
    case 'bytes':
      return bounds;
    case 'string':
      return '';
  }
}

describe('the table of settings', () => {
  it('is that of the contract; run with `-u` to write it', async () => {
    const rows = Object.values<EnvVariable>(INFERENCE_ENV).map((row) => {
      const unset = row.optional ? '' : 'required';
      const value = row.default === undefined ? unset : `\`${row.default}\``;
      return `| \`${row.name}\` | ${value} | ${allowed(row)} | ${row.doc} |\n`;
    });
    const head = '| Setting | Default | Allowed | Meaning |\n|---|---|---|---|\n';
    const text = SETTINGS.slice(0, SETTINGS.indexOf('| Setting'));
    await expect(`${text}${head}${rows.join('')}`).toMatchFileSnapshot(path.join(SERVER, 'SETTINGS.md'));
  });
});

describe('the documents that READMEs show', () => {
  const x = { name: 'x', datatype: 'FP32', shape: [-1, 4] } as const;

  it.each<[string, (text: string) => unknown]>([
    ['drift', (text) => parseBaseline(text, { inputs: [x], outputs: [] }).features],
    ['pipelines', (text) => parsePipelines(text)],
    ['processing', (text) => parseProcessing(JSON.parse(text), 'processing')],
    ['processing/plugins', (text) => parseManifest(text, 'plugin.json')],
    ['registry', (text) => parseModelsFile(text, undefined)],
    ['traffic', (text) => trafficOf(JSON.parse(text), 'traffic')],
  ])('of %s are taken by what reads them', (folder, read) => {
    expect(read(documentOf(folder))).toMatchObject(folder === 'pipelines' ? { problems: [] } : {});
  });

  it('of traffic has the defaults that the text says', () => {
    const { canary, shadow, ...rest } = JSON.parse(documentOf('traffic')) as Record<string, Record<string, unknown>>;
    const { version, stable } = canary ?? {};
    const least = { ...rest, canary: { version, stable }, shadow: { version: shadow?.['version'], share: 100 } };
    expect(trafficOf(least, 'traffic')).toEqual(trafficOf({ ...rest, canary, shadow }, 'traffic'));
  });
});
