import fs from 'node:fs';
import path from 'node:path';

/** Any value that JSON can hold. */
export type Json = string | number | boolean | null | readonly Json[] | JsonObject;

/** A JSON object. */
export interface JsonObject {
  readonly [key: string]: Json;
}

/** A synthesized `cdk.tf.json`, as Terraform reads it. */
export interface TerraformDocument {
  readonly resource?: BlocksByType;
  readonly data?: BlocksByType;
  readonly provider?: { readonly [name: string]: Json };
  readonly terraform?: JsonObject;
  readonly output?: JsonObject;
  readonly [section: string]: Json | BlocksByType | undefined;
}

/** Blocks by Terraform type, then by name. */
export interface BlocksByType {
  readonly [type: string]: { readonly [name: string]: JsonObject };
}

/** One resource or data source of a document. */
export interface Block {
  readonly section: 'resource' | 'data';
  readonly type: string;
  readonly name: string;
  readonly body: JsonObject;
  /** The address that Terraform prints, such as `data.aws_region.here`. */
  readonly address: string;
}

/** Whether a value is a JSON object and not a list. */
export function isObject(value: Json | BlocksByType | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether a value holds a Terraform expression, so that its type is known only to Terraform. */
export function isExpression(value: Json | undefined): boolean {
  return typeof value === 'string' && /(^|[^$])\$\{/.test(value);
}

/** Reads one `cdk.tf.json`. */
export function readTerraform(file: string): TerraformDocument {
  return JSON.parse(fs.readFileSync(file, 'utf8')) as TerraformDocument;
}

/** Every resource and data source, in document order. */
export function blocksOf(document: TerraformDocument): Block[] {
  return (['resource', 'data'] as const).flatMap((section) =>
    Object.entries(document[section] ?? {}).flatMap(([type, byName]) =>
      Object.entries(byName).map(([name, body]) => ({
        section,
        type,
        name,
        body,
        address: `${section === 'data' ? 'data.' : ''}${type}.${name}`,
      })),
    ),
  );
}

/** A synthesized Terraform stack. */
export interface StackFolder {
  readonly name: string;
  readonly folder: string;
  /** Its `cdk.tf.json`. */
  readonly file: string;
}

/** The stacks of a `cdktf.out` folder, by name. */
export function stacksOf(outdir: string): StackFolder[] {
  const stacks = path.join(outdir, 'stacks');
  if (!fs.existsSync(stacks)) return [];
  return fs
    .readdirSync(stacks)
    .sort()
    .map((name) => ({ name, folder: path.join(stacks, name), file: path.join(stacks, name, 'cdk.tf.json') }))
    .filter((stack) => fs.existsSync(stack.file));
}

/** A value as an object; `{}` when it is none. */
export function objectOf(value: Json | undefined): JsonObject {
  return isObject(value) ? value : {};
}

/** A value as a list; empty when it is none. */
export function listOf(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? (value as readonly Json[]) : [];
}

/** A scalar as text; empty for everything else. */
export function textOf(value: Json | undefined): string {
  return typeof value === 'object' || value === undefined ? '' : String(value);
}

/** The same blocks with other bodies. */
export function mapBlocks(blocks: BlocksByType, map: (body: JsonObject, type: string) => JsonObject): BlocksByType {
  return Object.fromEntries(
    Object.entries(blocks).map(([type, byName]) => [
      type,
      Object.fromEntries(Object.entries(byName).map(([name, body]) => [name, map(body, type)])),
    ]),
  );
}
