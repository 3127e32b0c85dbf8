/** Any value that JSON can hold. */
export type Json = string | number | boolean | null | readonly Json[] | JsonObject;

/** A JSON object. */
export interface JsonObject {
  readonly [key: string]: Json;
}

/** A Terraform type: its name, or the class of its bindings, e.g. `EksCluster`. */
export type TerraformType = string | { readonly tfResourceType: string };

/** Blocks by Terraform type, then by logical id. */
type Blocks = Readonly<Record<string, Readonly<Record<string, JsonObject>>>>;

/** One synthesized Terraform stack: what Terraform would read, without the metadata that cdktf adds for its own tools. */
export class SynthesizedStack {
  constructor(
    /** Name of the stack. */
    readonly name: string,
    /** Its `cdk.tf.json` as parsed JSON, without `//` members. */
    readonly document: JsonObject,
  ) {}

  /** Bodies of all resources of a type, in the order of their logical ids. */
  resources(type: TerraformType): readonly JsonObject[] {
    return Object.values(this.blocks('resource')[typeName(type)] ?? {});
  }

  /** Bodies of all data sources of a type, in the order of their logical ids. */
  data(type: TerraformType): readonly JsonObject[] {
    return Object.values(this.blocks('data')[typeName(type)] ?? {});
  }

  /** The body of the one resource of a type. Throws, listing what there is, unless there is exactly one. */
  only(type: TerraformType): JsonObject {
    const found = this.resources(type);
    const [first] = found;
    if (first === undefined || found.length > 1) {
      throw new Error(
        `expected exactly one ${typeName(type)} in stack ${this.name}, found ${found.length}; ` +
          `resources: ${this.addresses().join(', ') || 'none'}`,
      );
    }
    return first;
  }

  /** Addresses of all resources, or of those of one type, e.g. `aws_s3_bucket.ml_models`; sorted. */
  addresses(type?: TerraformType): readonly string[] {
    const wanted = type === undefined ? undefined : typeName(type);
    return Object.entries(this.blocks('resource'))
      .filter(([name]) => wanted === undefined || name === wanted)
      .flatMap(([name, byId]) => Object.keys(byId).map((id) => `${name}.${id}`))
      .sort();
  }

  /** The body at an address, e.g. `aws_s3_bucket.ml_models`; undefined when there is none. */
  at(address: string): JsonObject | undefined {
    const dot = address.indexOf('.');
    return this.blocks('resource')[address.slice(0, dot)]?.[address.slice(dot + 1)];
  }

  /** Output blocks by name. */
  get outputs(): Readonly<Record<string, JsonObject>> {
    return section(this.document, 'output');
  }

  /** Configurations by provider name: a list where there are several. */
  get providers(): Readonly<Record<string, Json>> {
    return section(this.document, 'provider');
  }

  private blocks(name: 'resource' | 'data'): Blocks {
    return section(this.document, name);
  }
}

/** Removes the `//` members that cdktf writes for its own tools. */
export function withoutMetadata(value: Json): Json {
  if (Array.isArray(value)) return (value as readonly Json[]).map(withoutMetadata);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value as JsonObject).filter(([key]) => key !== '//');
  return Object.fromEntries(kept.map(([key, inner]) => [key, withoutMetadata(inner)]));
}

function section<T>(document: JsonObject, name: string): Readonly<Record<string, T>> {
  return (document[name] ?? {}) as Readonly<Record<string, T>>;
}

function typeName(type: TerraformType): string {
  return typeof type === 'string' ? type : type.tfResourceType;
}
