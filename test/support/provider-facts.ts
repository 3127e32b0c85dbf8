import fs from 'node:fs';
import path from 'node:path';
import { blocksOf, isExpression, isObject } from './terraform-json';
import type { Json, JsonObject, TerraformDocument } from './terraform-json';

/** One finding about a synthesized document. */
export interface FactFinding {
  readonly level: 'error' | 'warning';
  /** `aws_eks_cluster.main.vpc_config.0.subnet_ids` */
  readonly at: string;
  readonly text: string;
  /**
   * About what exists, is required or can be set at all, not about a value: where bindings and facts are of different
   * versions, the bindings decide such things.
   */
  readonly declaration: boolean;
}

type AttributeType = string | readonly ['list' | 'set' | 'map' | 'object', Json] | NestedType;
interface NestedType {
  readonly nested: 'single' | 'list' | 'set' | 'map';
  readonly a: Attributes;
}
type Attributes = Readonly<Record<string, readonly [AttributeType, string]>>;
interface BlockSchema {
  readonly a: Attributes;
  readonly b?: Readonly<
    Record<string, BlockSchema & { readonly m: string; readonly min?: number; readonly max?: number }>
  >;
}
interface ProviderSchema {
  readonly provider: BlockSchema;
  readonly resource: Readonly<Record<string, BlockSchema>>;
  readonly data: Readonly<Record<string, BlockSchema>>;
}
interface Rule {
  readonly oneOf?: readonly string[];
  readonly min?: number;
  readonly max?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: readonly string[];
  readonly format?: string;
  readonly conflictsWith?: readonly string[];
  readonly requiredWith?: readonly string[];
  readonly exactlyOneOf?: readonly (readonly string[])[];
  readonly atLeastOneOf?: readonly (readonly string[])[];
  readonly deprecated?: boolean;
}
type Rules = Readonly<Record<string, Rule>>;

const META = new Set(
  '// connection count depends_on for_each lifecycle provider provisioner dynamic timeouts'.split(' '),
);

/** What real providers declare and refuse, as data read off them. */
export class ProviderFacts {
  private readonly loaded = new Map<string, { schema: ProviderSchema; rules: Readonly<Record<string, Rules>> }>();

  /** @param folder holds `<provider>.schema.json` and `<provider>.rules.json` */
  constructor(private readonly folder: string) {}

  /** The providers that the folder knows. */
  providers(): string[] {
    return fs
      .readdirSync(this.folder)
      .flatMap((file) => (file.endsWith('.schema.json') ? [file.slice(0, -'.schema.json'.length)] : []))
      .sort();
  }

  /** Judges a document; types of providers without facts are left alone. */
  check(document: TerraformDocument): FactFinding[] {
    const findings: FactFinding[] = [];
    for (const block of blocksOf(document)) {
      const facts = this.of(block.type.split('_')[0] ?? '');
      if (!facts) continue;
      const schema = facts.schema[block.section][block.type];
      if (!schema) {
        findings.push({ level: 'error', at: block.address, text: 'unknown type', declaration: true });
        continue;
      }
      const rules = block.section === 'resource' ? (facts.rules[block.type] ?? {}) : {};
      const judge = new Judge(rules, findings);
      judge.body(block.body, schema, block.address, '');
      judge.relations(block.body, block.address);
    }
    for (const [name, configurations] of Object.entries(document.provider ?? {})) {
      const facts = this.of(name);
      if (!facts) continue;
      listOf(configurations).forEach((configuration, i) => {
        const body = Object.entries(isObject(configuration) ? configuration : {}).filter(([key]) => key !== 'alias');
        new Judge({}, findings).body(Object.fromEntries(body), facts.schema.provider, `provider.${name}[${i}]`, '');
      });
    }
    return findings;
  }

  private of(name: string): { schema: ProviderSchema; rules: Readonly<Record<string, Rules>> } | undefined {
    if (!this.providers().includes(name)) return undefined;
    const known = this.loaded.get(name);
    if (known) return known;
    const read = (kind: string): unknown =>
      JSON.parse(fs.readFileSync(path.join(this.folder, `${name}.${kind}.json`), 'utf8'));
    const facts = { schema: read('schema') as ProviderSchema, rules: read('rules') as Readonly<Record<string, Rules>> };
    this.loaded.set(name, facts);
    return facts;
  }
}

class Judge {
  constructor(
    private readonly rules: Rules,
    private readonly findings: FactFinding[],
  ) {}

  body(body: JsonObject, schema: BlockSchema, at: string, dotted: string): void {
    const dynamic = isObject(body['dynamic']) ? body['dynamic'] : {};
    for (const [key, value] of Object.entries(body))
      if (!META.has(key) && value !== null) this.argument(key, value, schema, at, dotted);
    for (const [key, block] of Object.entries(dynamic)) {
      if (!schema.b?.[key]) this.error(`${at}.dynamic.${key}`, 'unknown block', true);
      else if (isObject(block) && isObject(block['content']))
        this.body(block['content'], schema.b[key], `${at}.dynamic.${key}`, join(dotted, key));
    }
    for (const [key, [, flags]] of Object.entries(schema.a))
      if (flags.includes('r') && (body[key] ?? null) === null) this.error(at, `misses ${key}`, true);
    for (const [key, block] of Object.entries(schema.b ?? {}))
      if (block.min && (body[key] ?? null) === null && !dynamic[key]) this.error(at, `misses block ${key}`, true);
  }

  relations(body: JsonObject, at: string): void {
    for (const [key, rule] of Object.entries(this.rules)) {
      if (key === '' || !has(body, key)) continue;
      for (const other of rule.conflictsWith ?? [])
        if (has(body, other)) this.error(`${at}.${key}`, `conflicts with ${other}`);
      for (const other of rule.requiredWith ?? []) if (!has(body, other)) this.error(`${at}.${key}`, `needs ${other}`);
    }
    for (const group of this.rules['']?.exactlyOneOf ?? []) {
      const present = group.filter((key) => has(body, key));
      if (present.length > 1) this.error(at, `takes only one of ${group.join(', ')}, has ${present.join(', ')}`);
    }
  }

  private argument(key: string, value: Json, schema: BlockSchema, at: string, dotted: string): void {
    const where = `${at}.${key}`;
    const path = join(dotted, key);
    const rule = this.rules[path];
    const attribute = schema.a[key];
    const block = schema.b?.[key];
    if (rule?.deprecated) this.findings.push({ level: 'warning', at: where, text: 'deprecated', declaration: false });
    if (!attribute && !block) this.error(where, 'unknown argument', true);
    if (attribute) this.attribute(value, attribute, rule, where, path);
    else if (block && !isExpression(value)) this.block(value, block, where, path);
  }

  private attribute(
    value: Json,
    [type, flags]: readonly [AttributeType, string],
    rule: Rule | undefined,
    at: string,
    path: string,
  ): void {
    if (!/[ro]/.test(flags)) this.error(at, 'is computed and cannot be set', true);
    else if (typeof type === 'object' && 'nested' in type) this.nested(value, type, at, path);
    else {
      this.type(value, type, at);
      if (rule) for (const item of listOf(value)) this.rule(item, rule, at);
    }
  }

  private nested(value: Json, type: NestedType, at: string, path: string): void {
    if (isExpression(value)) return;
    if (type.nested === 'single' && !isObject(value)) this.error(at, 'is one object here, not a list');
    else if ((type.nested === 'list' || type.nested === 'set') && !Array.isArray(value))
      this.error(at, 'is a list here');
    else
      (type.nested === 'map' && isObject(value) ? Object.values(value) : listOf(value)).forEach((item, i) => {
        if (isObject(item)) this.body(item, { a: type.a }, `${at}.${i}`, path);
      });
  }

  private block(value: Json, schema: NonNullable<BlockSchema['b']>[string], at: string, path: string): void {
    const items = schema.m === 'map' && isObject(value) ? Object.values(value) : listOf(value);
    if (schema.min && items.length < schema.min) this.error(at, `needs at least ${schema.min} block(s)`);
    if (schema.max && items.length > schema.max)
      this.error(at, `takes at most ${schema.max} block(s), has ${items.length}`);
    items.forEach((item, i) => {
      if (isObject(item)) this.body(item, schema, `${at}.${i}`, path);
      else if (item !== null && !isExpression(item)) this.error(at, 'is not a block');
    });
  }

  private type(value: Json, type: AttributeType, at: string): void {
    if (value === null || isExpression(value) || (typeof type === 'object' && 'nested' in type)) return;
    const [kind, inner] = typeof type === 'string' ? [type, undefined] : [type[0], type[1]];
    if (kind === 'string' && typeof value === 'object') this.error(at, `${shown(value)} is not a string`);
    if (kind === 'number' && (typeof value === 'object' || value === '' || Number.isNaN(Number(value))))
      this.error(at, `${shown(value)} is not a number`);
    if (kind === 'bool' && ![true, false, 'true', 'false'].includes(value as string))
      this.error(at, `${shown(value)} is not a bool`);
    if (kind === 'list' || kind === 'set') {
      if (!Array.isArray(value)) this.error(at, `${shown(value)} is not a list`);
      else (value as readonly Json[]).forEach((item, i) => this.type(item, inner as AttributeType, `${at}.${i}`));
    }
    if (kind === 'map' && !isObject(value)) this.error(at, `${shown(value)} is not a map`);
    if (kind === 'object') this.object(value, inner as Readonly<Record<string, AttributeType>>, at);
  }

  private object(value: Json, members: Readonly<Record<string, AttributeType>>, at: string): void {
    if (!isObject(value)) return this.error(at, `${shown(value)} is not an object`);
    for (const [key, item] of Object.entries(value)) {
      const type = members[key];
      if (type === undefined) this.error(`${at}.${key}`, 'unknown argument', true);
      else this.type(item, type, `${at}.${key}`);
    }
  }

  private rule(value: Json, rule: Rule, at: string): void {
    if (value === null || typeof value === 'object' || isExpression(value)) return;
    const text = String(value);
    const number = Number(value);
    if (rule.oneOf && !rule.oneOf.includes(text))
      this.error(at, `${shown(value)} is not one of ${rule.oneOf.join(', ')}`);
    if (rule.min !== undefined && number < rule.min) this.error(at, `${text} is below ${rule.min}`);
    if (rule.max !== undefined && number > rule.max) this.error(at, `${text} is above ${rule.max}`);
    if (rule.minLength !== undefined && text.length < rule.minLength)
      this.error(at, `is shorter than ${rule.minLength}`);
    if (rule.maxLength !== undefined && text.length > rule.maxLength)
      this.error(at, `is longer than ${rule.maxLength}`);
    for (const pattern of rule.pattern ?? [])
      if (goPattern(pattern)?.test(text) === false) this.error(at, `${shown(value)} does not match ${pattern}`);
    if (rule.format && FORMATS[rule.format]?.(text) === false) this.error(at, `${shown(value)} is not ${rule.format}`);
  }

  private error(at: string, text: string, declaration = false): void {
    this.findings.push({ level: 'error', at, text, declaration });
  }
}

/** The formats that can be judged without knowing the provider; others are left alone. */
const FORMATS: Readonly<Record<string, (text: string) => boolean>> = {
  json: (text) => {
    try {
      JSON.parse(text);
      return true;
    } catch {
      return false;
    }
  },
  arn: (text) => /^arn:[\w-]+:[\w-]+:[\w-]*:(\d{12}|aws)?:.+$/.test(text),
  cidr: (text) => /^(\d{1,3}(\.\d{1,3}){3}|[0-9a-f:]+)\/\d{1,3}$/i.test(text),
  ip: (text) => /^(\d{1,3}(\.\d{1,3}){3}|[0-9a-f:]+)$/i.test(text),
  uuid: (text) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text),
};

/** A Go pattern as a JavaScript one, or undefined when only Go understands it. */
function goPattern(pattern: string): RegExp | undefined {
  try {
    return new RegExp(pattern);
  } catch {
    return undefined;
  }
}

function has(body: JsonObject, dotted: string): boolean {
  const found = dotted
    .split('.')
    .reduce<Json[]>(
      (nodes, key) => nodes.flatMap((n) => (isObject(n) && (n[key] ?? null) !== null ? listOf(n[key] as Json) : [])),
      [body],
    );
  return found.length > 0;
}

const join = (dotted: string, key: string): string => (dotted ? `${dotted}.${key}` : key);
const listOf = (value: Json): readonly Json[] => (Array.isArray(value) ? (value as readonly Json[]) : [value]);
const shown = (value: Json): string => JSON.stringify(value).slice(0, 60);
