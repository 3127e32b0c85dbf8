import { createRequire } from 'node:module';
import path from 'node:path';
import { FROM_SOURCE, SOURCE_LOADER } from '../../../shared/source-loader';
import type { HostCommand } from '../../host/process';

/** Programs of steps in processes of their own. */
export type ChildProgram = 'image-child' | 'plugin-child';

/** What a process of steps may do, where Node.js can withhold the rest. */
export interface Permissions {
  /** Folders that it may read. */
  readonly read: readonly string[];
  readonly addons: boolean;
  readonly network: boolean;
}

/** How a process of steps is started. */
export interface ChildOptions {
  /** Node.js. */
  readonly node: string;
  readonly program: ChildProgram;
  /** @default - those of any process */
  readonly permissions?: Permissions;
  /** Most bytes of its data; 0 is no limit. */
  readonly memoryBytes: number;
}

/** Everything that the programs load is below it. */
const ROOT = path.resolve(__dirname, '../..');
/** Beyond this an answer is no answer but an attack on whoever reads it. */
const LIMITS = { header: 64 * 1024, payload: 2 ** 28 } as const;
/** Share of the memory that objects of JavaScript may take; the rest is for buffers, code and threads. */
const HEAP_SHARE = 0.5;
const MEBIBYTE = 2 ** 20;

const has = (flag: string): boolean => process.allowedNodeEnvironmentFlags.has(flag);

/** The permission model of Node.js, in the words of its version. */
function permissionFlags({ read, addons, network }: Permissions): string[] {
  const model = ['--permission', '--experimental-permission'].find(has);
  if (model === undefined) throw new Error('this Node.js has no permission model; this is a bug');
  return [
    ...[model, ...read.map((folder) => `--allow-fs-read=${path.join(folder, '*')}`)],
    ...(addons ? ['--allow-addons'] : []),
    // Older versions cannot withhold the network, and do not know the word.
    ...(network && has('--allow-net') ? ['--allow-net'] : []),
  ];
}

interface Bundler {
  readonly buildSync: (options: Readonly<Record<string, unknown>>) => {
    readonly outputFiles: readonly { readonly text: string }[];
  };
}

const bundles = new Map<ChildProgram, string>();

/**
 * The text of a program in one piece. From sources, a program needs the loader that reads TypeScript, which needs
 * rights that a plugin shall not have; so it is put together here, with the compiler of that loader.
 */
function bundled(program: ChildProgram): string {
  const known = bundles.get(program);
  if (known !== undefined) return known;
  const loader = createRequire(createRequire(__filename).resolve('tsx/cjs'));
  const { buildSync } = loader('esbuild') as Bundler;
  const entryPoints = [path.join(__dirname, `${program}.ts`)];
  const common = { platform: 'node', target: 'node20', format: 'cjs', logLevel: 'silent' } as const;
  const [file] = buildSync({ ...common, entryPoints, bundle: true, write: false, external: ['sharp'] }).outputFiles;
  if (file === undefined) throw new Error(`${program} cannot be put together; this is a bug`);
  bundles.set(program, file.text);
  return file.text;
}

/** How to start a program of steps: it gets no environment and may not write into the log. */
export function childCommand({ node, program, permissions, memoryBytes }: ChildOptions): HostCommand {
  const heap = Math.floor((memoryBytes * HEAP_SHARE) / MEBIBYTE);
  const code = FROM_SOURCE && permissions ? ['--eval', bundled(program)] : undefined;
  const entry = path.join(__dirname, FROM_SOURCE ? `${program}.ts` : `${program}.js`);
  const ownFiles = code === undefined ? [ROOT] : [];
  const args = [
    ...(memoryBytes > 0 ? [`--max-old-space-size=${Math.max(heap, 16)}`] : []),
    ...(permissions ? permissionFlags({ ...permissions, read: [...ownFiles, ...permissions.read] }) : []),
    // Its warnings are about the flags above.
    ...['--no-warnings', ...(code ?? [...SOURCE_LOADER, entry])],
  ];
  return { command: node, args, env: {}, silent: permissions !== undefined, limits: LIMITS };
}
