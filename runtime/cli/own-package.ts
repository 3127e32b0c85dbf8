import fs from 'node:fs';
import path from 'node:path';
import { isRecord } from './json';

/** Folder of this package: of `lnmt` as installed, or of the repository. */
export function ownRoot(): string {
  for (let folder = __dirname; ; folder = path.dirname(folder)) {
    if (fs.existsSync(path.join(folder, 'package.json'))) return folder;
    if (folder === path.dirname(folder)) throw new Error('lnmt cannot find its own package.json');
  }
}

function ownManifest(): Readonly<Record<string, unknown>> {
  const parsed: unknown = JSON.parse(fs.readFileSync(path.join(ownRoot(), 'package.json'), 'utf8'));
  return isRecord(parsed) ? parsed : {};
}

/** Version of this package. */
export function ownVersion(): string {
  return String(ownManifest()['version']);
}

/** The exact version of a package that this version of `lnmt` is tested with. */
export function testedVersion(name: string): string {
  const manifest = ownManifest();
  for (const section of ['dependencies', 'devDependencies']) {
    const versions = manifest[section];
    const found = isRecord(versions) ? versions[name] : undefined;
    if (typeof found === 'string') return found.replace(/^[~^]/, '');
  }
  throw new Error(`lnmt is not tested with ${name}`);
}
