import fs from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { filesBelow, parseManifests } from './manifests';
import type { Manifest } from './manifests';
import { sampleFor } from './sample-values';
import { isObject, objectOf, readTerraform, stacksOf } from './terraform-json';
import type { Json, JsonObject } from './terraform-json';
import { renderTemplate } from './go-template';

/** A chart that LNMT generated. */
export interface Chart {
  /** The stack that installs it, or the GitOps tree or export that holds it: the second part of its path. */
  readonly owner: string;
  /** The release: the folder's name without its content hash. */
  readonly release: string;
  readonly folder: string;
  /** What `values.yaml` says. */
  readonly values: JsonObject;
  /** Late-bound values by name, with the Terraform expression behind each, as far as the delivery's index tells. */
  readonly expressions: Readonly<Record<string, string>>;
}

/** Reads one chart folder of a `cdktf.out`. */
export function chartAt(outdir: string, folder: string, owner: string): Chart {
  const file = path.join(folder, 'values.yaml');
  const values = fs.existsSync(file) ? (parse(fs.readFileSync(file, 'utf8')) as Json) : {};
  return {
    owner,
    release: path.basename(folder).replace(/-[0-9a-f]{8,64}$/, ''),
    folder,
    values: objectOf(values),
    expressions: indexOf(outdir, owner).values ?? {},
  };
}

interface DeliveryIndex {
  readonly mode?: string;
  readonly values?: Readonly<Record<string, string>>;
}

/** The index that a delivery writes beside its stack; every other output of the stack carries the stack's name. */
function indexOf(outdir: string, owner: string): DeliveryIndex {
  const file = path.join(outdir, 'stacks', owner, 'lnmt.json');
  return fs.existsSync(file) ? (JSON.parse(fs.readFileSync(file, 'utf8')) as DeliveryIndex) : {};
}

/** The charts of a `cdktf.out` folder: those of each stack, and those that a GitOps tree holds; sorted by folder. */
export function chartsOf(outdir: string): Chart[] {
  return filesBelow(outdir, ['Chart.yaml'])
    .filter((file) => path.basename(file) === 'Chart.yaml')
    .map((file) => {
      const folder = path.dirname(file);
      return chartAt(outdir, path.join(outdir, folder), folder.split(path.sep)[1] ?? '');
    });
}

/**
 * Values for rendering a chart without a cloud: what `values.yaml` says, with each late-bound entry (null, absent or empty there)
 * filled with a sample of the kind that its name, or the expression behind it, speaks of.
 */
export function sampleValues(chart: Chart, overrides: JsonObject = {}): JsonObject {
  const sample = (keys: readonly string[]): Json => sampleFor(keys.join('_'), chart.expressions[keys.join('.')]);
  const filled: Record<string, Json> = { ...fill(chart.values, [], sample) };
  for (const keys of referencedValues(chart)) put(filled, keys, sample(keys));
  return { ...filled, ...overrides };
}

/** Every value that the templates of a chart read, as a list of keys. */
export function referencedValues(chart: Chart): string[][] {
  const keys = new Map<string, string[]>();
  const add = (path: string[]): unknown => keys.set(path.join('\0'), path);
  for (const { text } of templatesOf(chart)) {
    for (const [, action = ''] of text.matchAll(/\{\{-?(.*?)-?\}\}/gs)) {
      for (const [, dotted = ''] of action.matchAll(/\.Values((?:\.\w+)+)/g)) add(dotted.slice(1).split('.'));
      for (const [, words = ''] of action.matchAll(/index\s+\.Values((?:\s+"[^"]*")+)/g))
        add((words.match(/"[^"]*"/g) ?? []).map((word) => word.slice(1, -1)));
    }
  }
  return [...keys.values()];
}

/** The template files of a chart. */
export function templatesOf(chart: Chart): { readonly file: string; readonly text: string }[] {
  const folder = path.join(chart.folder, 'templates');
  return filesBelow(folder, ['.yaml', '.yml']).map((file) => ({
    file,
    text: fs.readFileSync(path.join(folder, file), 'utf8'),
  }));
}

/** Renders a chart as Helm would (see `go-template.ts` for the part of the language that charts of ours may use). */
export function renderChart(chart: Chart, values: JsonObject = sampleValues(chart)): Manifest[] {
  return templatesOf(chart).flatMap(({ file, text }) =>
    parseManifests(renderTemplate(text, values), `${chart.release}/${file}`),
  );
}

/** The objects in the GitOps trees of a `cdktf.out` folder that belong to no chart, with samples for what Flux would substitute. */
export function gitopsManifests(outdir: string): Manifest[] {
  const charts = chartsOf(outdir).map((chart) => path.relative(outdir, chart.folder) + path.sep);
  return filesBelow(outdir, ['.yaml', '.yml'])
    .filter((file) => file.startsWith(`gitops${path.sep}`) && !charts.some((chart) => file.startsWith(chart)))
    .filter((file) => !['kustomization.yaml', 'values.yaml'].includes(path.basename(file)))
    .flatMap((file) => {
      const text = fs.readFileSync(path.join(outdir, file), 'utf8');
      const index = indexOf(outdir, file.split(path.sep)[1] ?? '');
      return parseManifests(index.mode === 'flux' ? substitute(text, index.values ?? {}) : text, file);
    });
}

/** What Flux does after it has built a Kustomization: `${name}` becomes a value, `$${` a literal `${`. */
function substitute(text: string, expressions: Readonly<Record<string, string>>): string {
  return text.replace(/\$\$\{|\$\{(\w+)\}/g, (match, name: string | undefined) =>
    name === undefined ? '${' : name in expressions ? sampleFor(name, expressions[name]) : match,
  );
}

/** Every Kubernetes object of a `cdktf.out` folder: charts rendered with sample values, and the GitOps trees. */
export function manifestsOf(outdir: string): Manifest[] {
  return [...chartsOf(outdir).flatMap((chart) => renderChart(chart)), ...gitopsManifests(outdir)];
}

/** The `helm_release` blocks of a stack, in the order in which Terraform installs them. */
export function releasesOf(
  outdir: string,
): { readonly stack: string; readonly name: string; readonly body: JsonObject }[] {
  return stacksOf(outdir).flatMap((stack) => {
    const releases = readTerraform(stack.file).resource?.['helm_release'] ?? {};
    return inOrder(releases).map(([name, body]) => ({ stack: stack.name, name, body }));
  });
}

/** Releases after what they depend on; those that do not depend on one another keep the document's order. */
function inOrder(releases: Readonly<Record<string, JsonObject>>): [string, JsonObject][] {
  const placed = new Map<string, JsonObject>();
  const place = (name: string): void => {
    const body = releases[name];
    if (!body || placed.has(name)) return;
    for (const other of Array.isArray(body['depends_on']) ? (body['depends_on'] as readonly Json[]) : [])
      if (typeof other === 'string' && other.startsWith('helm_release.')) place(other.slice('helm_release.'.length));
    placed.set(name, body);
  };
  for (const name of Object.keys(releases)) place(name);
  return [...placed];
}

function fill(values: JsonObject, at: readonly string[], sample: (keys: readonly string[]) => Json): JsonObject {
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => {
      const keys = [...at, key];
      if (isObject(value) && Object.keys(value).length > 0) return [key, fill(value, keys, sample)];
      return [key, value === null || value === '' ? sample(keys) : value];
    }),
  );
}

function put(values: Record<string, Json>, keys: readonly string[], sample: Json): void {
  const [first = '', ...rest] = keys;
  const current = values[first];
  if (rest.length === 0) {
    if (current === undefined || current === null || current === '') values[first] = sample;
    return;
  }
  const inner: Record<string, Json> = isObject(current) ? { ...current } : {};
  put(inner, rest, sample);
  values[first] = inner;
}
