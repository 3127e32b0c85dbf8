import fs from 'node:fs';
import path from 'node:path';
import { blocksOf, isObject, mapBlocks, readTerraform } from '../support/terraform-json';
import type { Json, JsonObject, TerraformDocument } from '../support/terraform-json';
import { NEWER_THAN_BINARY } from './moto-lists';
import { findProgram, run, tail } from './processes';
import type { RunResult } from './processes';
import { Skip } from './suite';

/** Terraform and the folder of provider binaries that it may use. */
export interface Terraform {
  readonly program: string;
  /** Holds `registry.terraform.io/…`. */
  readonly pluginDir: string;
  /** Versions of the binaries there, by provider name. */
  readonly versions: Readonly<Record<string, string>>;
}

/** Finds both, or throws `Skip`. */
export async function findTerraform(): Promise<Terraform> {
  const program = findProgram('terraform') ?? findProgram('tofu');
  if (!program) throw new Skip('neither terraform nor tofu is on the PATH');
  const pluginDir = process.env['TF_PLUGIN_DIR'] ?? (await searchPluginDir());
  if (!pluginDir) throw new Skip('no folder with Terraform provider binaries (TF_PLUGIN_DIR)');
  const vendor = path.join(pluginDir, 'registry.terraform.io/hashicorp');
  if (!fs.existsSync(vendor)) throw new Skip(`${vendor} does not exist`);
  const versions = fs
    .readdirSync(vendor)
    .map((name) => [name, fs.readdirSync(path.join(vendor, name)).sort().at(-1) ?? '']);
  return { program, pluginDir, versions: Object.fromEntries(versions) as Record<string, string> };
}

async function searchPluginDir(): Promise<string | undefined> {
  const args = ['/', '-xdev', '-type', 'f', '-path', '*/registry.terraform.io/*', '-name', 'terraform-provider-*'];
  const { stdout } = await run('find', args, { timeoutMs: 60_000 });
  return stdout.split('\n')[0]?.split('/registry.terraform.io/')[0] || undefined;
}

/** The providers that a stack needs, by name. */
export function requiredProviders(stackFile: string): string[] {
  const required = readTerraform(stackFile).terraform?.['required_providers'];
  return isObject(required) ? Object.keys(required).sort() : [];
}

/** A copy of a stack that Terraform may work in, and an override beside it. */
export class WorkingCopy {
  constructor(
    private readonly terraform: Terraform,
    readonly folder: string,
    private readonly env: Readonly<Record<string, string | undefined>> = {},
  ) {}

  /**
   * Copies the stack. Terraform merges `*_override.tf.json` into what is beside it: this one asks for the binaries at hand and keeps the
   * state in the folder.
   */
  prepare(stackFile: string, override: JsonObject = {}): void {
    fs.mkdirSync(this.folder, { recursive: true });
    this.writeStack(readTerraform(stackFile));
    const pins = requiredProviders(stackFile).map((name) => [
      name,
      { source: `hashicorp/${name}`, version: this.terraform.versions[name] ?? '' },
    ]);
    this.write('zz_override.tf.json', {
      terraform: {
        required_providers: Object.fromEntries(pins) as JsonObject,
        backend: { local: { path: 'terraform.tfstate' } },
      },
      ...override,
    });
  }

  /** The stack, without what the binary at hand is too old for. */
  writeStack(document: TerraformDocument): void {
    this.write('cdk.tf.json', (this.isOld() ? withoutNewer(document) : document) as JsonObject);
  }

  private isOld(): boolean {
    return Number.parseInt(this.terraform.versions['aws'] ?? '', 10) < 6;
  }

  private write(file: string, content: Json): void {
    fs.writeFileSync(path.join(this.folder, file), JSON.stringify(content, null, 1));
  }

  /** Runs a command that must exit with one of the expected codes. */
  async call(args: readonly string[], expected: readonly number[] = [0], timeoutMinutes = 10): Promise<RunResult> {
    const result = await this.try(args, timeoutMinutes);
    if (!expected.includes(result.code))
      throw new Error(`terraform ${args[0] ?? ''}: exit ${result.code}\n${tail(result.stderr || result.output, 60)}`);
    return result;
  }

  /** Runs a command whatever it answers. */
  try(args: readonly string[], timeoutMinutes = 10): Promise<RunResult> {
    const env = {
      CHECKPOINT_DISABLE: '1',
      TF_IN_AUTOMATION: '1',
      TF_INPUT: '0',
      TF_CLI_ARGS_init: `-plugin-dir=${this.terraform.pluginDir}`,
      ...this.env,
    };
    return run(this.terraform.program, args, { cwd: this.folder, env, timeoutMs: timeoutMinutes * 60_000 });
  }
}

/** Which of the listed newer arguments a stack uses, as `type.argument`. */
export function newerArguments(document: TerraformDocument): string[] {
  return blocksOf(document).flatMap(({ type, body }) =>
    (NEWER_THAN_BINARY[type] ?? [])
      .filter((argument) => body[argument] !== undefined)
      .map((argument) => `${type}.${argument}`),
  );
}

function withoutNewer(document: TerraformDocument): TerraformDocument {
  if (!document.resource) return document;
  const resource = mapBlocks(document.resource, (body, type) =>
    Object.fromEntries(Object.entries(body).filter(([key]) => !NEWER_THAN_BINARY[type]?.includes(key))),
  );
  return { ...document, resource };
}
