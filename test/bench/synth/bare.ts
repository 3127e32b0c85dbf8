import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { parseAllDocuments } from 'yaml';
import { expandTemplate } from '../../../constructs/delivery';
import { filesBelow } from '../../support/manifests';
import { blocksOf, isObject, objectOf, readTerraform, stacksOf, textOf } from '../../support/terraform-json';
import type { Json, JsonObject, TerraformDocument } from '../../support/terraform-json';

const load = createRequire(__filename);

// Arguments whose values are maps of the user's own keys: those keys are not arguments.
const MAPS = new Set(['tags', 'tags_all', 'labels', 'variables', 'input', 'metadata', 'scaling']);
const META = new Set(['//', 'lifecycle', 'depends_on']);

/**
 * Writes the program that somebody would write by hand who wants what `outdir` holds, with cdktf and cdk8s alone: one `new` a
 * resource with its generated class, one `ApiObject` a Kubernetes object, the same charts as files. References are written as
 * Terraform expressions, which costs less than tokens: the comparison favours the program by hand.
 */
export function bareProgram(outdir: string): string {
  const stacks = stacksOf(outdir).map(({ name, file }) => ({ name, document: readTerraform(file) }));
  const classes = new Map<string, string>();
  const body = stacks.flatMap(({ name, document }, index) => stackLines(`s${index}`, name, document, classes));
  const charts = stacks.flatMap(({ name }) => chartLines(outdir, name));
  return [
    "const fs = require('node:fs');",
    "const path = require('node:path');",
    "const cdktf = require('cdktf');",
    "const cdk8s = require('cdk8s');",
    ...[...classes].map(([module, name]) => `const { ${name} } = require(${JSON.stringify(module)});`),
    HELPERS,
    'const app = new cdktf.App();',
    ...body,
    'app.synth();',
    'const manifests = new cdk8s.App();',
    ...charts,
    '',
  ].join('\n');
}

const HELPERS = `
function pin(resource, id, meta) {
  resource.overrideLogicalId(id);
  if (meta.lifecycle) resource.addOverride('lifecycle', meta.lifecycle);
  if (meta.depends_on) resource.dependsOn = meta.depends_on;
}
function chart(folder, id, texts, objects) {
  const chart = new cdk8s.Chart(manifests, id, { disableResourceNameHashes: true });
  objects.forEach(([file, object], index) => new cdk8s.ApiObject(chart, 'o' + index, object));
  fs.mkdirSync(path.join(folder, 'templates'), { recursive: true });
  for (const [file, text] of texts) fs.writeFileSync(path.join(folder, file), text);
  chart.toJson().forEach((object, index) => {
    fs.writeFileSync(path.join(folder, 'templates', objects[index][0]), cdk8s.Yaml.stringify(object));
  });
}`;

function stackLines(
  variable: string,
  name: string,
  document: TerraformDocument,
  classes: Map<string, string>,
): string[] {
  const lines = [`const ${variable} = new cdktf.TerraformStack(app, ${JSON.stringify(name)});`];
  const terraform = objectOf(document.terraform);
  const backend = objectOf(objectOf(terraform['backend'])['local']);
  lines.push(`new cdktf.LocalBackend(${variable}, { path: ${JSON.stringify(textOf(backend['path']))} });`);
  for (const [provider, bodies] of Object.entries(document.provider ?? {})) {
    const { module, className } = providerClass(provider);
    classes.set(module, className);
    for (const config of [bodies].flat()) {
      const settings = JSON.stringify(camel(config as JsonObject));
      lines.push(`new ${className}(${variable}, ${JSON.stringify(provider)}, ${settings});`);
    }
  }
  for (const [index, block] of blocksOf(document).entries()) {
    if (block.type === 'terraform_remote_state') {
      const config = camel(objectOf(block.body['config']));
      lines.push(
        `new cdktf.DataTerraformRemoteStateLocal(${variable}, 'r${index}', ${JSON.stringify(config)}).overrideLogicalId(${JSON.stringify(block.name)});`,
      );
      continue;
    }
    const { module, className } = resourceClass(block.section, block.type);
    classes.set(module, className);
    const meta = { lifecycle: block.body['lifecycle'], depends_on: block.body['depends_on'] };
    const config = JSON.stringify(camel(block.body));
    lines.push(
      `pin(new ${className}(${variable}, 'b${index}', ${config}), ${JSON.stringify(block.name)}, ${JSON.stringify(meta)});`,
    );
  }
  for (const [output, value] of Object.entries(objectOf(document.output))) {
    const settings = JSON.stringify(camel(objectOf(value)));
    lines.push(
      `new cdktf.TerraformOutput(${variable}, ${JSON.stringify(output)}, ${settings}).overrideLogicalId(${JSON.stringify(output)});`,
    );
  }
  for (const [input, value] of Object.entries(objectOf(document['variable'] as Json))) {
    const settings = JSON.stringify(camel(objectOf(value)));
    lines.push(
      `new cdktf.TerraformVariable(${variable}, ${JSON.stringify(input)}, ${settings}).overrideLogicalId(${JSON.stringify(input)});`,
    );
  }
  return lines;
}

function chartLines(outdir: string, stack: string): string[] {
  const charts = path.join(outdir, 'stacks', stack, 'charts');
  if (!fs.existsSync(charts)) return [];
  return fs.readdirSync(charts).map((chart) => {
    const folder = path.join(charts, chart);
    const objects = filesBelow(path.join(folder, 'templates')).map((file) => {
      const text = fs.readFileSync(path.join(folder, 'templates', file), 'utf8');
      const [document] = parseAllDocuments(expandTemplate(text, {}, (value) => `{{ .Values.${value} }}`));
      return [file, document?.toJS() as Json];
    });
    const texts = ['Chart.yaml', 'values.yaml'].map((file) => [file, fs.readFileSync(path.join(folder, file), 'utf8')]);
    const args = [`cdktf.out/stacks/${stack}/charts/${chart}`, `${stack}-${chart}`, texts, objects];
    return `chart(${args.map((argument) => JSON.stringify(argument)).join(', ')});`;
  });
}

/** Arguments as the generated classes spell them. */
function camel(body: JsonObject): JsonObject {
  return camelAll(Object.fromEntries(Object.entries(body).filter(([key]) => !META.has(key))));
}

function camelAll(body: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(body).map(([key, value]) => [spelled(key), MAPS.has(key) ? value : inner(value)]),
  );
}

function inner(value: Json): Json {
  if (Array.isArray(value)) return (value as readonly Json[]).map(inner);
  return isObject(value) ? camelAll(value) : value;
}

function spelled(key: string): string {
  return key.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

function resourceClass(section: 'resource' | 'data', type: string): { module: string; className: string } {
  const provider = type.split('_')[0] ?? '';
  const short = type.slice(provider.length + 1).replaceAll('_', '-');
  const file = section === 'data' ? `data-${provider}-${short}` : short;
  return exported(`@cdktf/provider-${provider}/lib/${file}`, type);
}

function providerClass(provider: string): { module: string; className: string } {
  return exported(`@cdktf/provider-${provider}/lib/provider`, provider);
}

function exported(module: string, type: string): { module: string; className: string } {
  const classes = load(module) as Readonly<Record<string, { readonly tfResourceType?: string }>>;
  const className = Object.keys(classes).find((name) => classes[name]?.tfResourceType === type);
  if (className === undefined) throw new Error(`${module} has no class for ${type}`);
  return { module, className };
}
