import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { EXIT_CODES } from '../../contract';
import { SERVER_NAME, SERVER_VERSION } from '../version';
import { parseFeatures } from './features';
import { countPackages, packagesOf } from './packages';
import type { LockFile, Platform } from './packages';
import { billOfMaterials } from './sbom';

/**
 * Used while an image is built: `count` says how many packages core and features have; `prune` leaves in
 * `node_modules` what the server loads with these features, and writes what that is.
 */
function main(args: readonly string[]): void {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { features: { type: 'string', default: '' }, sbom: { type: 'string' } },
  });
  const lock = JSON.parse(fs.readFileSync('package-lock.json', 'utf8')) as LockFile;
  const [verb] = positionals;
  if (verb === 'count') {
    process.stdout.write(`${JSON.stringify(countPackages(lock))}\n`);
    return;
  }
  if (verb !== 'prune' || values.sbom === undefined) throw new Error('say count, or prune --features LIST --sbom FILE');
  const platform: Platform = { os: process.platform, cpu: process.arch, libc: 'glibc' };
  const kept = packagesOf(lock, parseFeatures(values.features), platform);
  prune(lock, new Set(kept));
  const subject = { name: `@lnmt/${path.basename(SERVER_NAME.replace('lnmt-', ''))}`, version: SERVER_VERSION };
  fs.writeFileSync(values.sbom, billOfMaterials(lock, kept, subject));
  process.stdout.write(`${kept.length} packages\n`);
}

function prune(lock: LockFile, kept: ReadonlySet<string>): void {
  const elsewhere = [...kept].filter((folder) => !folder.startsWith('node_modules/'));
  if (elsewhere.length > 0) throw new Error(`not where the image takes them from: ${elsewhere.join(', ')}`);
  const absent = [...kept].filter((folder) => !fs.existsSync(folder));
  if (absent.length > 0) throw new Error(`not installed: ${absent.join(', ')}`);
  for (const folder of Object.keys(lock.packages)) {
    if (folder.startsWith('node_modules/') && !kept.has(folder)) fs.rmSync(folder, { recursive: true, force: true });
  }
  for (const rest of ['.bin', '.package-lock.json']) {
    fs.rmSync(path.join('node_modules', rest), { recursive: true, force: true });
  }
}

try {
  main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = EXIT_CODES.usage;
}
