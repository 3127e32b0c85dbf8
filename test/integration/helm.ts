import fs from 'node:fs';
import path from 'node:path';
import { chartsOf, referencedValues, renderChart, sampleValues } from '../support/charts';
import type { Chart } from '../support/charts';
import { synthesizeExamples } from '../support/examples';
import { describeManifest, parseManifests } from '../support/manifests';
import type { Manifest } from '../support/manifests';
import type { Json, JsonObject } from '../support/terraform-json';
import { run, runOk } from './processes';
import { noFaults } from './suite';
import type { Checks, Suite } from './suite';
import { toolFolder } from './tools';

/** Strings that break a template which pastes text into YAML. */
const AWKWARD: Readonly<Record<string, string>> = {
  'a colon': 'a: b #c',
  'a newline': 'a\nb: c\n---\n',
  quotes: `"a" 'b' \\`,
  braces: '{{ .Values.x }} ${y} }}',
  unicode: 'ünï–日本\u2028 🚀',
  empty: '',
  '10 kB': 'x'.repeat(10_240),
  'a bare word of YAML': 'no',
  'a number': '0755',
};

/** Real `helm lint` and `helm template` of every generated chart, with the values of the example and with awkward ones. */
export const helm: Suite = {
  name: 'helm',
  timeoutMinutes: 10,
  run: async (checks: Checks) => {
    const program = path.join(toolFolder('helm'), 'helm');
    for (const { name, outdir } of await synthesizeExamples()) {
      for (const chart of chartsOf(outdir))
        await judge(checks, program, `${name}/${chart.owner}/${chart.release}`, chart);
    }
  },
};

async function judge(checks: Checks, program: string, label: string, chart: Chart): Promise<void> {
  const values = sampleValues(chart);
  await checks.check(`${label}: lint`, async () => {
    const { code, output } = await run(program, ['lint', '--strict', chart.folder, '-f', write(checks, values)]);
    if (code !== 0) throw new Error(output);
  });
  await checks.check(`${label}: renders as the offline renderer says`, async () => {
    const real = await template(checks, program, chart, values);
    noFaults(differences(real, renderChart(chart, values)));
  });
  const late = referencedValues(chart);
  if (late.length === 0) return;
  await checks.check(`${label}: ${late.length} late-bound value(s) survive awkward texts unchanged`, async () => {
    for (const [kind, text] of Object.entries(AWKWARD)) {
      const awkward = late.reduce<JsonObject>((all, keys) => setAt(all, keys, text), values);
      const real = await template(checks, program, chart, awkward);
      noFaults(differences(real, renderChart(chart, awkward)).map((fault) => `${kind}: ${fault}`));
      if (!JSON.stringify(real.map((m) => m.object)).includes(JSON.stringify(text).slice(1, -1)))
        throw new Error(`${kind}: the text did not arrive`);
    }
  });
}

async function template(checks: Checks, program: string, chart: Chart, values: JsonObject): Promise<Manifest[]> {
  const args = [
    'template',
    'release',
    chart.folder,
    '-f',
    write(checks, values),
    '--kube-version',
    '1.36.0',
    '--include-crds',
  ];
  return parseManifests(await runOk(program, args), chart.release);
}

/** Helm sorts objects by kind, so the two renderings are compared object by object. */
function differences(real: readonly Manifest[], ours: readonly Manifest[]): string[] {
  const index = (manifests: readonly Manifest[]): Map<string, string> =>
    new Map(manifests.map((manifest) => [describeManifest(manifest), canonical(manifest.object)]));
  const [left, right] = [index(real), index(ours)];
  return [...new Set([...left.keys(), ...right.keys()])].flatMap((key) =>
    left.get(key) === right.get(key)
      ? []
      : [
          `${key}: ${left.has(key) ? '' : 'not '}in Helm's rendering, ${right.has(key) ? '' : 'not '}in ours, and they differ`,
        ],
  );
}

function canonical(value: Json): string {
  return JSON.stringify(value, (_, item: Json) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
}

function setAt(values: JsonObject, keys: readonly string[], value: Json): JsonObject {
  const [first = '', ...rest] = keys;
  return { ...values, [first]: rest.length === 0 ? value : setAt((values[first] ?? {}) as JsonObject, rest, value) };
}

function write(checks: Checks, values: JsonObject): string {
  const file = path.join(checks.folder, 'values.json');
  // Helm reads the file as YAML, to which U+2028 is a line break unless it is escaped.
  fs.writeFileSync(
    file,
    JSON.stringify(values).replace(
      /[\u0085\u2028\u2029]/g,
      (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
    ),
  );
  return file;
}
