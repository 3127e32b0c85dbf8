import fs from 'node:fs';
import path from 'node:path';
import { Ajv } from 'ajv';
import type { ValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';
import { parseAllDocuments } from 'yaml';
import { describeManifest, filesBelow } from './manifests';
import type { Manifest } from './manifests';

/** A part of an OpenAPI document as Kubernetes publishes it. */
type Schema = Readonly<Record<string, unknown>>;

interface Definitions {
  readonly definitions: Readonly<Record<string, Schema>>;
}

interface CustomResourceDefinition {
  readonly kind?: string;
  readonly spec?: {
    readonly group: string;
    readonly names: { readonly kind: string };
    readonly versions?: readonly { name: string; served: boolean; schema?: { openAPIV3Schema?: Schema } }[];
  };
}

const OBJECT_META = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';
const VERBATIM = new Set(['required', 'enum', 'default', 'example']);
const OPEN = /JSONSchemaProps|RawExtension|apiextensions.*JSON$|FieldsV1|\.Patch$/;
const FORMATS = [
  'int32',
  'int64',
  'double',
  'float',
  'int-or-string',
  'byte',
  'quantity',
  'cidr',
  'k8s-short-name',
  'k8s-long-name',
];

/**
 * Judges objects as an API server with strict field validation would: core kinds by Kubernetes' own definitions, custom kinds by the
 * served versions of their CustomResourceDefinitions; unknown fields are faults.
 */
export class StrictSchemas {
  private readonly ajv = new Ajv({
    strict: false,
    allErrors: true,
    code: { regExp: Object.assign(goRegExp, { code: 'goRegExp' }) },
  });
  private readonly core = new Map<string, string>();
  private readonly custom: ReadonlyMap<string, Schema>;
  private readonly validators = new Map<string, ValidateFunction | null>();

  /**
   * @param definitionsFile `_definitions.json` of a Kubernetes release
   * @param custom what {@link readDefinitions} read
   */
  constructor(definitionsFile: string, custom: ReadonlyMap<string, Schema> = new Map()) {
    this.custom = custom;
    addFormats(this.ajv);
    for (const format of FORMATS) this.ajv.addFormat(format, true);
    const { definitions } = JSON.parse(fs.readFileSync(definitionsFile, 'utf8')) as Definitions;
    const closed = Object.entries(definitions).map(([name, schema]) => [name, closeDefinition(name, schema)]);
    this.ajv.addSchema({ $id: 'kubernetes', definitions: Object.fromEntries(closed) as object });
    for (const [name, schema] of Object.entries(definitions))
      for (const { group, version, kind } of (schema['x-kubernetes-group-version-kind'] ?? []) as Record<
        string,
        string
      >[])
        this.core.set(`${group ? `${group}/` : ''}${version}/${kind}`, name);
  }

  /** The faults of one object; a kind that is not served is a fault too. */
  check(manifest: Manifest): string[] {
    const validate = this.validatorOf(`${manifest.apiVersion}/${manifest.kind}`);
    const subject = `${describeManifest(manifest)} (${manifest.source})`;
    if (!validate) return [`${subject}: no such kind is served`];
    if (validate(manifest.object)) return [];
    return (validate.errors ?? []).map(({ instancePath, message, params }) => {
      const extra = (params as { additionalProperty?: string }).additionalProperty;
      return `${subject} ${instancePath || '/'}: ${message ?? ''}${extra ? ` '${extra}'` : ''}`;
    });
  }

  private validatorOf(key: string): ValidateFunction | null {
    const known = this.validators.get(key);
    if (known !== undefined) return known;
    const validate = this.compile(key);
    this.validators.set(key, validate);
    return validate;
  }

  private compile(key: string): ValidateFunction | null {
    const name = this.core.get(key);
    if (name) return this.ajv.compile({ $ref: `kubernetes#/definitions/${name}` });
    const schema = this.custom.get(key);
    if (!schema) return null;
    const closed = close(schema);
    const metadata = { $ref: `kubernetes#/definitions/${OBJECT_META}` };
    const properties = {
      ...(closed['properties'] as object),
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata,
    };
    return this.ajv.compile({ additionalProperties: false, ...closed, properties });
  }
}

/** `group/version/kind` of every served version in a folder of CustomResourceDefinitions, with its schema. */
export function readDefinitions(folder: string): Map<string, Schema> {
  const found = new Map<string, Schema>();
  for (const file of filesBelow(folder, ['.yaml', '.yml'])) {
    for (const document of parseAllDocuments(fs.readFileSync(path.join(folder, file), 'utf8'), {
      logLevel: 'silent',
    })) {
      const crd = document.errors.length > 0 ? undefined : (document.toJS() as CustomResourceDefinition | null);
      if (crd?.kind !== 'CustomResourceDefinition' || !crd.spec) continue;
      for (const version of crd.spec.versions ?? [])
        if (version.served && version.schema?.openAPIV3Schema)
          found.set(`${crd.spec.group}/${version.name}/${crd.spec.names.kind}`, version.schema.openAPIV3Schema);
    }
  }
  return found;
}

function closeDefinition(name: string, schema: Schema): Schema {
  if (name.endsWith('util.intstr.IntOrString')) return { type: ['string', 'integer'] };
  // Server-side apply refuses a quantity that is written as a number, so this check does too.
  if (name.endsWith('api.resource.Quantity')) return { type: 'string' };
  return OPEN.test(name) ? {} : close(schema);
}

/** Kubernetes' dialect of OpenAPI as JSON Schema, every object closed. */
function close(schema: Schema): Schema {
  if (schema['x-kubernetes-int-or-string'] || schema['format'] === 'int-or-string')
    return { type: ['string', 'integer'] };
  const closed: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(schema)) {
    if (VERBATIM.has(key) || key.startsWith('x-')) closed[key] = value;
    else if (key === 'properties') closed[key] = mapValues(value as Schema, (item) => close(item as Schema));
    else closed[key] = closeInner(value);
  }
  const open = closed['additionalProperties'] !== undefined || schema['x-kubernetes-preserve-unknown-fields'] === true;
  if (closed['properties'] && !open) closed['additionalProperties'] = false;
  if (schema['x-kubernetes-embedded-resource'])
    closed['properties'] = {
      ...{ apiVersion: { type: 'string' }, kind: { type: 'string' }, metadata: { type: 'object' } },
      ...(closed['properties'] as object | undefined),
    };
  return draft6(closed);
}

function closeInner(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closeInner);
  return typeof value === 'object' && value !== null ? close(value as Schema) : value;
}

/** `nullable` and the boolean bounds of draft 4, as later drafts write them. */
function draft6(schema: Record<string, unknown>): Schema {
  if (schema['nullable']) {
    delete schema['nullable'];
    schema['type'] = [schema['type'] ?? 'object', 'null'].flat();
    if (Array.isArray(schema['enum'])) schema['enum'] = [...(schema['enum'] as unknown[]), null];
  }
  for (const [exclusive, bound] of [
    ['exclusiveMinimum', 'minimum'],
    ['exclusiveMaximum', 'maximum'],
  ] as const) {
    if (typeof schema[exclusive] !== 'boolean') continue;
    if (!schema[exclusive]) delete schema[exclusive];
    else {
      schema[exclusive] = schema[bound];
      delete schema[bound];
    }
  }
  return schema;
}

/** Go's patterns may begin with `(?i)`, and some are not valid with the flag that ajv adds. */
function goRegExp(pattern: string, flags: string): RegExp {
  const source = pattern.replace('(?i)', '');
  const ignoreCase = source === pattern ? '' : 'i';
  try {
    return new RegExp(source, flags + ignoreCase);
  } catch {
    return new RegExp(source, ignoreCase);
  }
}

function mapValues(object: Schema, map: (value: unknown) => unknown): Schema {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, map(value)]));
}
