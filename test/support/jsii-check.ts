import { installedProviders, jsiiIndex } from './jsii-index';
import type { JsiiBlock, JsiiIndex, JsiiProperty, JsiiType } from './jsii-index';
import { blocksOf, isExpression, isObject, readTerraform } from './terraform-json';
import type { Block, Json, JsonObject, TerraformDocument } from './terraform-json';

/** What the check found, one sentence a fault, and how much it saw. */
export interface JsiiVerdict {
  readonly faults: readonly string[];
  readonly checked: number;
}

/** What the check lets pass. */
export interface JsiiCheckOptions {
  /**
   * Arguments newer than the bindings, set on purpose through an escape hatch: `aws_eks_cluster.some_new_argument`.
   * @default none
   */
  readonly newerThanBindings?: readonly string[];
}

const META = new Set(['//', 'connection', 'count', 'depends_on', 'for_each', 'lifecycle', 'provider', 'provisioner']);
/** Types of Terraform's own provider, which has no bindings. */
const BUILT_IN = new Set(['terraform_remote_state', 'terraform_data']);
const SECTIONS = new Set(
  '// resource data provider terraform output locals variable module import moved removed check ephemeral'.split(' '),
);

/** Judges one synthesized `cdk.tf.json` by the assemblies of the provider bindings that are installed. */
export function checkTerraformFile(file: string, options?: JsiiCheckOptions): JsiiVerdict {
  return checkTerraform(readTerraform(file), options);
}

/**
 * Judges a synthesized document: unknown types and arguments, missing required arguments, wrong types, a block where a list belongs
 * or the other way round, and references to blocks or attributes that do not exist. Values that hold an expression are left to Terraform.
 */
export function checkTerraform(document: TerraformDocument, options: JsiiCheckOptions = {}): JsiiVerdict {
  const check = new Check(new Set(options.newerThanBindings));
  for (const section of Object.keys(document))
    if (!SECTIONS.has(section)) check.faults.push(`${section}: unknown section`);
  const blocks = blocksOf(document);
  for (const block of blocks) check.block(block);
  for (const [name, configurations] of Object.entries(document.provider ?? {})) check.provider(name, configurations);
  check.references(document, new Map(blocks.map((block) => [block.address, block])));
  return { faults: check.faults, checked: blocks.length };
}

class Check {
  readonly faults: string[] = [];

  constructor(private readonly allowed: ReadonlySet<string>) {}

  block(block: Block): void {
    if (BUILT_IN.has(block.type)) return;
    const index = indexFor(block.type);
    const definition = index?.[block.section][block.type];
    if (!index || !definition) {
      this.faults.push(`${block.address}: unknown type`);
      return;
    }
    const body = Object.fromEntries(
      Object.entries(block.body).filter(([key]) => !META.has(key) && !this.allowed.has(`${block.type}.${key}`)),
    );
    this.struct(body, definition.struct, block.address, index);
  }

  provider(name: string, configurations: Json): void {
    if (!installedProviders().includes(name)) return;
    const index = jsiiIndex(name);
    const list = Array.isArray(configurations) ? (configurations as readonly Json[]) : [configurations];
    list.forEach((configuration, i) =>
      this.value(configuration, { struct: index.configuration }, `provider.${name}[${i}]`, index),
    );
  }

  references(document: TerraformDocument, blocks: ReadonlyMap<string, Block>): void {
    const seen = new Set<string>();
    for (const expression of expressionsOf(document)) {
      for (const match of expression.matchAll(
        /(?<![\w.-])(data\.)?([a-z]+_[a-z0-9_]+)\.([A-Za-z_][\w-]*)(?:\[[^\]]*\])?(?:\.(\w+))?/g,
      )) {
        const [text, data, type, name, attribute] = match;
        const index = type ? indexFor(type) : undefined;
        if (!index || !type || seen.has(text)) continue;
        seen.add(text);
        const target = blocks.get(`${data ?? ''}${type}.${name}`);
        const definition = index[data ? 'data' : 'resource'][type];
        if (!target) this.faults.push(`\${${text}}: refers to nothing in this stack`);
        else if (attribute && definition && !hasAttribute(definition, attribute))
          this.faults.push(`\${${text}}: unknown attribute`);
      }
    }
  }

  private struct(object: JsonObject, name: string, at: string, index: JsiiIndex): void {
    const properties = index.structs[name];
    if (!properties) return;
    const given = new Set<string>();
    for (const [key, value] of Object.entries(object)) {
      if (key === 'dynamic') {
        this.dynamic(value, properties, at, index).forEach((property) => given.add(property));
        continue;
      }
      const property = propertyNamed(key, properties);
      if (!property) {
        this.faults.push(`${at}.${key}: unknown argument`);
        continue;
      }
      if (value !== null) given.add(property);
      this.value(value, (properties[property] as JsiiProperty).type, `${at}.${key}`, index);
    }
    for (const [key, property] of Object.entries(properties)) {
      if (property.required && !given.has(key)) this.faults.push(`${at}: ${snake(key)} is required`);
    }
  }

  private dynamic(
    blocks: Json,
    properties: Readonly<Record<string, JsiiProperty>>,
    at: string,
    index: JsiiIndex,
  ): string[] {
    if (!isObject(blocks)) return [];
    return Object.entries(blocks).flatMap(([key, block]) => {
      const property = propertyNamed(key, properties);
      if (!property) {
        this.faults.push(`${at}.dynamic.${key}: unknown block`);
        return [];
      }
      if (isObject(block) && block['content'] !== undefined)
        this.value(
          [block['content']],
          (properties[property] as JsiiProperty).type,
          `${at}.dynamic.${key}.content`,
          index,
        );
      return [property];
    });
  }

  private value(value: Json, type: JsiiType, at: string, index: JsiiIndex): void {
    if (value === null || isExpression(value)) return;
    if ('primitive' in type) this.primitive(value, type.primitive, at);
    else if ('list' in type) this.list(value, type.list, at, index);
    else if ('map' in type) this.map(value, type.map, at, index);
    else if ('oneOf' in type) this.oneOf(value, type.oneOf, at, index);
    else this.nested(value, type.struct, at, index);
  }

  private primitive(value: Json, primitive: string, at: string): void {
    const fits =
      primitive === 'any' ||
      primitive === 'json' ||
      typeof value === primitive ||
      (primitive === 'string' && typeof value !== 'object') ||
      (primitive === 'number' && typeof value === 'string' && value.trim() !== '' && !Number.isNaN(Number(value))) ||
      (primitive === 'boolean' && (value === 'true' || value === 'false'));
    if (!fits) this.faults.push(`${at}: ${shown(value)} is not a ${primitive}`);
  }

  private list(value: Json, element: JsiiType, at: string, index: JsiiIndex): void {
    if (Array.isArray(value))
      (value as readonly Json[]).forEach((item, i) => this.value(item, element, `${at}[${i}]`, index));
    else this.faults.push(`${at}: ${shown(value)} is not a list`);
  }

  private map(value: Json, element: JsiiType, at: string, index: JsiiIndex): void {
    if (!isObject(value)) this.faults.push(`${at}: ${shown(value)} is not a map`);
    else for (const [key, item] of Object.entries(value)) this.value(item, element, `${at}.${key}`, index);
  }

  private nested(value: Json, struct: string, at: string, index: JsiiIndex): void {
    if (isObject(value)) this.struct(value, struct, at, index);
    else if (!Array.isArray(value)) this.faults.push(`${at}: ${shown(value)} is not a block`);
    else if (value.length > 1) this.faults.push(`${at}: takes one block, has ${value.length}`);
    else (value as readonly Json[]).forEach((item) => this.value(item, { struct }, at, index));
  }

  /** A value may fit any alternative; when it fits none, the faults of the closest one are the useful ones. */
  private oneOf(value: Json, types: readonly JsiiType[], at: string, index: JsiiIndex): void {
    const attempts = types.map((type) => {
      const attempt = new Check(this.allowed);
      attempt.value(value, type, at, index);
      return attempt.faults;
    });
    attempts.sort((a, b) => a.length - b.length);
    this.faults.push(...(attempts[0] ?? []));
  }
}

function indexFor(terraformType: string): JsiiIndex | undefined {
  const name = terraformType.split('_')[0] ?? '';
  return installedProviders().includes(name) ? jsiiIndex(name) : undefined;
}

function propertyNamed(key: string, properties: Readonly<Record<string, JsiiProperty>>): string | undefined {
  const exact = camel(key);
  if (Object.hasOwn(properties, exact)) return exact;
  // The bindings rename a few arguments (`ipv6` digits, reserved words); without case and underscores they still agree.
  return Object.keys(properties).find((name) => plain(name) === plain(key));
}

function hasAttribute(definition: JsiiBlock, attribute: string): boolean {
  return definition.attributes.some((name) => plain(name) === plain(attribute));
}

function* expressionsOf(value: unknown): Generator<string> {
  if (typeof value === 'string') {
    for (const match of value.matchAll(/(?<!\$)\$\{([^"]*?(?:"[^"]*"[^"]*?)*?)\}/g)) yield match[1] ?? '';
  } else if (typeof value === 'object' && value !== null) {
    for (const item of Object.values(value)) yield* expressionsOf(item);
  }
}

const camel = (key: string): string => key.replace(/_([a-z0-9])/g, (_, c: string) => c.toUpperCase());
const snake = (key: string): string => key.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);
const plain = (key: string): string => key.replace(/_/g, '').toLowerCase();
const shown = (value: Json): string => JSON.stringify(value).slice(0, 60);
