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

describe('the table of settings', () => {
  it('is that of the contract', () => {
    const rows = Object.values<EnvVariable>(INFERENCE_ENV).map(({ name, default: value, optional, doc }) => {
      const unset = optional ? '' : 'required';
      return `| \`${name}\` | ${value === undefined ? unset : `\`${value}\``} | ${doc} |`;
    });
    expect(SETTINGS.split('\n').filter((line) => line.startsWith('| `'))).toEqual(rows);
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
