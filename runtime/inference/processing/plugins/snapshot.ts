import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import { PluginError } from '../errors';

/** Name of the manifest of a plugin. */
export const PLUGIN_MANIFEST = 'plugin.json';

const MOST = { files: 5_000, bytes: 256 * 2 ** 20, manifestBytes: 1 << 20 } as const;

interface PluginFile {
  /** Below the folder, with `/` between segments. */
  readonly path: string;
  readonly content: Buffer;
}

const invalid = (dir: string, what: string): PluginError => new PluginError('LNMT8362', `${dir}: ${what}`);

async function filesBelow(dir: string): Promise<string[]> {
  const found: string[] = [];
  const visit = async (folder: string): Promise<void> => {
    for (const entry of await fs.readdir(path.join(dir, folder), { withFileTypes: true })) {
      const file = path.posix.join(folder, entry.name);
      // A link leads out of what was read, and a device never ends.
      if (!entry.isFile() && !entry.isDirectory()) throw invalid(dir, `${file} is neither a file nor a folder`);
      if (entry.isDirectory()) await visit(file);
      else found.push(file);
      if (found.length > MOST.files) throw invalid(dir, `it has more than ${MOST.files} files`);
    }
  };
  await visit('');
  return found.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

async function readFiles(dir: string): Promise<readonly PluginFile[]> {
  const files: PluginFile[] = [];
  let left: number = MOST.bytes;
  for (const file of await filesBelow(dir)) {
    const handle = await fs.open(path.join(dir, file), fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW);
    try {
      left -= (await handle.stat()).size;
      if (left < 0) throw invalid(dir, `it has more than ${MOST.bytes} bytes`);
      files.push({ path: file, content: await handle.readFile() });
    } finally {
      await handle.close();
    }
  }
  return files;
}

/**
 * What a plugin is known by: SHA-256 over a line for each of its files, sorted by the bytes of their paths. A line has
 * the path as JSON, the SHA-256 of the content, and a line feed.
 */
function digestOf(files: readonly PluginFile[]): string {
  const whole = createHash('sha256');
  for (const { path: file, content } of files) {
    whole.update(`${JSON.stringify(file)} ${createHash('sha256').update(content).digest('hex')}\n`);
  }
  return whole.digest('hex');
}

/** The files of a plugin as they were read once. */
export class Snapshot {
  private constructor(
    /** Where they were read. */
    readonly origin: string,
    /** SHA-256 of all of them, in lower-case hexadecimal. */
    readonly digest: string,
    private readonly files: readonly PluginFile[],
  ) {}

  /** Reads a plugin. @throws PluginError LNMT8362 */
  static async read(dir: string): Promise<Snapshot> {
    try {
      const files = await readFiles(dir);
      return new Snapshot(dir, digestOf(files), files);
    } catch (error) {
      if (error instanceof PluginError) throw error;
      throw new PluginError('LNMT8362', `${dir}: it cannot be read`, error);
    }
  }

  /** Text of its manifest. @throws PluginError */
  manifest(): string {
    const file = this.files.find((each) => each.path === PLUGIN_MANIFEST);
    if (file === undefined || file.content.length > MOST.manifestBytes) {
      throw invalid(this.origin, `it has no ${PLUGIN_MANIFEST} of at most ${MOST.manifestBytes} bytes`);
    }
    return file.content.toString('utf8');
  }

  /** True where it has this file. */
  has(file: string): boolean {
    return this.files.some((each) => each.path === file);
  }

  /** Writes what was read into a folder of its own: what is run later is what the digest is of. */
  async write(parent: string): Promise<string> {
    const dir = await fs.mkdtemp(path.join(parent, 'lnmt-plugin-'));
    for (const file of this.files) {
      const target = path.join(dir, file.path);
      await fs.mkdir(path.dirname(target), { recursive: true, mode: 0o700 });
      await fs.writeFile(target, file.content, { mode: 0o400 });
    }
    return dir;
  }
}
