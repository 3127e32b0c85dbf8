import fs from 'node:fs';
import path from 'node:path';

/** What a property of a struct holds, in the few words that a check needs. */
export type JsiiType =
  | { readonly primitive: string }
  | { readonly struct: string }
  | { readonly list: JsiiType }
  | { readonly map: JsiiType }
  | { readonly oneOf: readonly JsiiType[] };

/** One argument of a Terraform block. */
export interface JsiiProperty {
  readonly type: JsiiType;
  readonly required: boolean;
}

/** One resource or data-source type: the struct of its arguments and the names of its attributes. */
export interface JsiiBlock {
  readonly struct: string;
  readonly attributes: readonly string[];
}

/** A provider's bindings, reduced to what judging JSON needs. Names are in camel case, as jsii has them. */
export interface JsiiIndex {
  readonly provider: string;
  readonly version: string;
  readonly resource: Readonly<Record<string, JsiiBlock>>;
  readonly data: Readonly<Record<string, JsiiBlock>>;
  /** The struct of the provider block itself. */
  readonly configuration: string;
  readonly structs: Readonly<Record<string, Readonly<Record<string, JsiiProperty>>>>;
}

interface AssemblyType {
  readonly kind: string;
  readonly fqn: string;
  readonly base?: string;
  readonly docs?: { readonly summary?: string };
  readonly interfaces?: readonly string[];
  readonly properties?: readonly { name: string; optional?: boolean; static?: boolean; type: AssemblyReference }[];
  readonly initializer?: { readonly parameters?: readonly { type: AssemblyReference }[] };
}

interface AssemblyReference {
  readonly primitive?: string;
  readonly fqn?: string;
  readonly collection?: { readonly kind: 'array' | 'map'; readonly elementtype: AssemblyReference };
  readonly union?: { readonly types: readonly AssemblyReference[] };
}

interface Assembly {
  readonly version: string;
  readonly types: Readonly<Record<string, AssemblyType>>;
}

const FORMAT = 3;
const root = path.resolve(__dirname, '../..');
const loaded = new Map<string, JsiiIndex>();

/** The providers whose bindings are installed, by their Terraform name. */
export function installedProviders(): string[] {
  const folder = path.join(root, 'node_modules/@cdktf');
  return fs
    .readdirSync(folder)
    .filter((name) => name.startsWith('provider-') && fs.existsSync(path.join(folder, name, '.jsii')))
    .map((name) => name.slice('provider-'.length))
    .sort();
}

/**
 * The index of `@cdktf/provider-<name>`. An assembly takes more than a second to parse, so its index is kept beside the
 * other build caches, under the assembly's own version and size.
 */
export function jsiiIndex(name: string): JsiiIndex {
  const known = loaded.get(name);
  if (known) return known;
  const file = path.join(root, `node_modules/@cdktf/provider-${name}/.jsii`);
  const stat = fs.statSync(file);
  const cache = path.join(root, `node_modules/.cache/lnmt/jsii-${name}-${FORMAT}-${stat.size}.json`);
  const index = fs.existsSync(cache)
    ? (JSON.parse(fs.readFileSync(cache, 'utf8')) as JsiiIndex)
    : indexAssembly(name, JSON.parse(fs.readFileSync(file, 'utf8')) as Assembly);
  if (!fs.existsSync(cache)) writeAtomically(cache, JSON.stringify(index));
  loaded.set(name, index);
  return index;
}

/** Several test workers may write the same cache at once: each renames a whole file into place. */
function writeAtomically(file: string, text: string): void {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const part = `${file}.${process.pid}`;
  fs.writeFileSync(part, text);
  fs.renameSync(part, file);
}

function indexAssembly(provider: string, assembly: Assembly): JsiiIndex {
  const resource: Record<string, JsiiBlock> = {};
  const data: Record<string, JsiiBlock> = {};
  const structs: Record<string, Record<string, JsiiProperty>> = {};
  let configuration = '';
  for (const type of Object.values(assembly.types)) {
    if (type.kind === 'interface') structs[type.fqn] = propertiesOf(type, assembly);
    const struct = type.initializer?.parameters?.[2]?.type.fqn;
    if (type.kind !== 'class' || !struct) continue;
    if (type.base === 'cdktf.TerraformProvider') configuration = struct;
    // The class' summary is the only place that spells the Terraform name, underscores and all.
    const terraformName = /Represents a \{@link \S+ (\S+)\}/.exec(type.docs?.summary ?? '')?.[1];
    if (!terraformName) continue;
    const block = { struct, attributes: (type.properties ?? []).filter((p) => !p.static).map((p) => p.name) };
    if (type.base === 'cdktf.TerraformResource') resource[terraformName] = block;
    if (type.base === 'cdktf.TerraformDataSource') data[terraformName] = block;
  }
  return { provider, version: assembly.version, resource, data, configuration, structs };
}

function propertiesOf(type: AssemblyType, assembly: Assembly): Record<string, JsiiProperty> {
  const all: Record<string, JsiiProperty> = {};
  for (const base of type.interfaces ?? []) {
    const parent = assembly.types[base];
    if (parent) Object.assign(all, propertiesOf(parent, assembly));
  }
  for (const p of type.properties ?? []) all[p.name] = { type: typeOf(p.type), required: p.optional !== true };
  return all;
}

function typeOf(reference: AssemblyReference): JsiiType {
  if (reference.union) {
    const types = reference.union.types.filter((t) => t.fqn !== 'cdktf.IResolvable').map(typeOf);
    return types.length === 1 && types[0] ? types[0] : { oneOf: types };
  }
  if (reference.collection) {
    const element = typeOf(reference.collection.elementtype);
    return reference.collection.kind === 'map' ? { map: element } : { list: element };
  }
  if (reference.primitive) return { primitive: reference.primitive };
  if (!reference.fqn || reference.fqn.startsWith('cdktf.')) return { primitive: 'any' };
  return { struct: reference.fqn };
}
