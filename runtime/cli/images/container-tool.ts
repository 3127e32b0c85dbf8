import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { toolFailed, toolMissing } from '../errors';
import { execute, which } from '../exec';
import type { Outcome } from '../exec';
import type { Io } from '../io';
import { at, list } from '../json';

/** Programs that build and push images, in the order of preference. */
export const CONTAINER_TOOLS = ['docker', 'podman', 'buildah'] as const;

/** One of {@link CONTAINER_TOOLS}. */
export type ContainerToolName = (typeof CONTAINER_TOOLS)[number];

/** What is built. */
export interface BuildRequest {
  /** Path below the context. */
  readonly dockerfile: string;
  readonly tag: string;
  readonly buildArgs: Readonly<Record<string, string>>;
  /** Folder that the Dockerfile copies from. */
  readonly context: string;
}

const DIGEST = /sha256:[0-9a-f]{64}/;
const LAST_WORDS = 400;
const DAEMON_TIMEOUT_MS = 5_000;

/** Builds and pushes with whichever tool is installed. */
export class ContainerTool {
  /** Finds a tool: the first that works, else the first that is installed. @throws LNMT6009 when there is none */
  static async find(io: Io): Promise<ContainerTool> {
    const installed = CONTAINER_TOOLS.filter((tool) => which(tool, io.env) !== undefined);
    const [first] = installed;
    for (const name of installed) if (await answers(io, name)) return new ContainerTool(io, name);
    if (first !== undefined) return new ContainerTool(io, first);
    throw toolMissing(
      'building images',
      CONTAINER_TOOLS,
      'install one of them, e.g. `apt-get install buildah`, which needs no daemon',
    );
  }

  private constructor(
    private readonly io: Io,
    readonly name: ContainerToolName,
  ) {}

  /** Builds an image. @throws LNMT6010 */
  async build({ dockerfile, tag, buildArgs, context }: BuildRequest): Promise<void> {
    const args = Object.entries(buildArgs).flatMap(([key, value]) => ['--build-arg', `${key}=${value}`]);
    await this.call(['build', '--file', path.join(context, dockerfile), '--tag', tag, ...args, context]);
  }

  /** Pushes an image and returns its digest in the registry. @throws LNMT6010 */
  async push(tag: string): Promise<string> {
    const digest = this.name === 'docker' ? await this.pushWithDocker(tag) : await this.pushWithDigestFile(tag);
    if (digest !== undefined) return digest;
    throw toolFailed(`${this.name} push ${tag}`, 0, 'it reported no digest');
  }

  private async pushWithDocker(tag: string): Promise<string | undefined> {
    const { stdout } = await this.call(['push', tag]);
    const printed = DIGEST.exec(stdout)?.[0];
    if (printed !== undefined) return printed;
    const inspected = await this.call(['image', 'inspect', '--format', '{{json .RepoDigests}}', tag]);
    const repository = tag.slice(0, tag.lastIndexOf(':'));
    const references = list(at({ list: JSON.parse(inspected.stdout) as unknown }, 'list')).map(String);
    return DIGEST.exec(references.find((reference) => reference.startsWith(`${repository}@`)) ?? '')?.[0];
  }

  private async pushWithDigestFile(tag: string): Promise<string | undefined> {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'lnmt-push-'));
    try {
      const file = path.join(folder, 'digest');
      await this.call(['push', '--digestfile', file, tag]);
      return DIGEST.exec(fs.readFileSync(file, 'utf8'))?.[0];
    } finally {
      fs.rmSync(folder, { recursive: true, force: true });
    }
  }

  private async call(args: readonly string[]): Promise<Outcome> {
    const { cwd, env, terminal, err } = this.io;
    const outcome = await execute(this.name, args, { cwd, env, ...(terminal ? { watch: err } : {}) });
    if (outcome.code === 0) return outcome;
    const words = (outcome.stderr || outcome.stdout).trim().slice(-LAST_WORDS);
    throw toolFailed(`${this.name} ${args[0]}`, outcome.code, words);
  }
}

// The command of Docker is often installed where its daemon does not run.
async function answers(io: Io, name: ContainerToolName): Promise<boolean> {
  if (name === 'buildah') return true;
  const { code } = await execute(name, ['info'], { cwd: io.cwd, env: io.env, timeoutMs: DAEMON_TIMEOUT_MS });
  return code === 0;
}
