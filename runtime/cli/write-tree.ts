import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

/** Writes a folder as a whole: it appears, or replaces an old one, only when every file is there. */
export function replaceFolder(folder: string, files: ReadonlyMap<string, string>): void {
  const parent = path.dirname(folder);
  fs.mkdirSync(parent, { recursive: true });
  const staging = path.join(parent, `.${path.basename(folder)}.${randomUUID()}`);
  const old = `${staging}.old`;
  try {
    for (const [file, content] of files) {
      const target = path.join(staging, file);
      fs.mkdirSync(path.dirname(target), { recursive: true });
      fs.writeFileSync(target, content);
    }
    if (fs.existsSync(folder)) fs.renameSync(folder, old);
    fs.renameSync(staging, folder);
  } catch (error) {
    if (!fs.existsSync(folder) && fs.existsSync(old)) fs.renameSync(old, folder);
    throw error;
  } finally {
    fs.rmSync(staging, { recursive: true, force: true });
    fs.rmSync(old, { recursive: true, force: true });
  }
}

/** Every file below a folder, by relative path with forward slashes, sorted. */
export function readTree(folder: string): ReadonlyMap<string, string> {
  const files = fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .sort();
  return new Map(
    files.map((file) => [file.split(path.sep).join('/'), fs.readFileSync(path.join(folder, file), 'utf8')]),
  );
}
