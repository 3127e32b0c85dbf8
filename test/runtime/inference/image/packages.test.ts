import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { IMAGE_FEATURE_NAMES, IMAGE_FEATURES } from '../../../../runtime/contract';
import { parseFeatures, UNUSED } from '../../../../runtime/inference/image/features';
import { countPackages, nameOf, packagesOf } from '../../../../runtime/inference/image/packages';
import type { LockFile } from '../../../../runtime/inference/image/packages';
import { billOfMaterials } from '../../../../runtime/inference/image/sbom';
import { temporaryFolder } from '../../support/temporary';

const ROOT = path.resolve(__dirname, '../../../..');
const lock = JSON.parse(fs.readFileSync(path.join(ROOT, 'package-lock.json'), 'utf8')) as LockFile;

const server = JSON.parse(fs.readFileSync(path.join(ROOT, 'runtime/inference/package.json'), 'utf8')) as Record<
  'dependencies' | 'optionalDependencies' | 'devDependencies' | 'peerDependencies',
  Readonly<Record<string, string>>
>;

/** A made-up lock file: a package asks for another, which is there twice, and for parts of other systems. */
const SMALL: LockFile = {
  packages: {
    'runtime/inference': { dependencies: { a: '1', b: '1' } },
    'node_modules/a': {
      version: '1.0.0',
      dependencies: { c: '1' },
      peerDependencies: { p: '1', q: '1' },
      peerDependenciesMeta: { q: { optional: true } },
    },
    'node_modules/a/node_modules/c': { version: '1.0.0' },
    'node_modules/b': {
      version: '1.0.0',
      dependencies: { c: '2' },
      optionalDependencies: { linux: '1', mac: '1', gone: '1' },
    },
    'node_modules/c': { version: '2.0.0', dependencies: { b: '1' } },
    'node_modules/linux': { version: '1.0.0', os: ['linux'], cpu: ['x64'], libc: ['glibc'] },
    'node_modules/mac': { version: '1.0.0', os: ['darwin'] },
    'node_modules/p': { version: '1.0.0' },
    'node_modules/q': { version: '1.0.0' },
    'node_modules/dev': { version: '1.0.0' },
  },
};

describe('the packages of an image', () => {
  it('are what the server asks for, as the lock file resolves it, for the system of the image', () => {
    expect(packagesOf(SMALL, [])).toEqual([
      'node_modules/a',
      'node_modules/a/node_modules/c',
      'node_modules/b',
      'node_modules/c',
      'node_modules/linux',
      'node_modules/p',
    ]);
    expect(packagesOf(SMALL, [], { os: 'darwin', cpu: 'arm64', libc: '' })).toContain('node_modules/mac');
  });

  it('refuses a lock file without the server, or without what it asks for', () => {
    expect(() => packagesOf({ packages: {} }, [])).toThrow('knows no runtime/inference');
    const lame = { packages: { 'runtime/inference': { dependencies: { a: '1' } } } };
    expect(() => packagesOf(lame, [])).toThrow('knows no a');
    expect(() => packagesOf(SMALL, ['s3'])).toThrow('knows no @aws-sdk/client-s3');
  });

  it('are at most 60 in the core', () => {
    expect(countPackages(lock).core).toBeLessThanOrEqual(60);
  });

  it('are counted in the README, for the core and for each feature', () => {
    const readme = fs.readFileSync(path.join(ROOT, 'runtime/inference/image/README.md'), 'utf8');
    const rows = [...readme.matchAll(/^\| `(\w+)` \| (\d+) \|/gm)].map(([, name, count]) => [name, Number(count)]);
    expect(Object.fromEntries(rows)).toEqual(countPackages(lock));
  });

  it('lie where the image takes them from, with all features too', () => {
    expect(packagesOf(lock, IMAGE_FEATURE_NAMES).filter((folder) => !folder.startsWith('node_modules/'))).toEqual([]);
  });

  it('are declared by the package of the server: optional ones as peers or optional dependencies, and for tests', () => {
    const declared = { ...server.peerDependencies, ...server.optionalDependencies };
    const roots = Object.values(IMAGE_FEATURES).flat();
    expect(roots.filter((name) => !(name in declared))).toEqual([]);
    const installed = { ...server.devDependencies, ...server.optionalDependencies };
    expect(roots.filter((name) => !(name in installed))).toEqual([]);
  });

  it('ask for what is left out: an entry that nobody asks for is stale', () => {
    const asked = Object.entries(lock.packages).map(([folder, entry]) => [nameOf(folder), entry] as const);
    for (const [name, unused] of Object.entries(UNUSED)) {
      const dependencies = asked
        .filter(([each]) => each === name)
        .flatMap(([, entry]) => Object.keys(entry.dependencies ?? {}));
      expect(unused.filter((each) => !dependencies.includes(each))).toEqual([]);
    }
  });
});

describe('a list of features', () => {
  it('is read with blanks and without', () => {
    expect(parseFeatures(' s3, grpc ,')).toEqual(['s3', 'grpc']);
    expect(parseFeatures('')).toEqual([]);
  });

  it('refuses a name that is none', () => {
    expect(() => parseFeatures('s3,tpu')).toThrow("there is no feature 'tpu'; there are s3, gcs");
  });
});

interface Bill {
  readonly bomFormat: string;
  readonly metadata: { readonly component: Readonly<Record<string, string>> };
  readonly components: readonly {
    readonly name: string;
    readonly version: string;
    readonly purl: string;
    readonly 'bom-ref': string;
    readonly licenses?: readonly { readonly expression: string }[];
    readonly hashes: readonly { readonly alg: string; readonly content: string }[];
  }[];
}

describe('the bill of materials', () => {
  const folders = packagesOf(lock, ['s3', 'grpc']);
  const text = billOfMaterials(lock, folders, { name: '@lnmt/inference', version: '1.2.3' });
  const bill = JSON.parse(text) as Bill;

  it('lists every package once, with version, licence and digest', () => {
    expect(bill.bomFormat).toBe('CycloneDX');
    expect(bill.components).toHaveLength(folders.length);
    expect(new Set(bill.components.map((each) => each['bom-ref'])).size).toBe(folders.length);
    for (const { name, version, purl, hashes, licenses } of bill.components) {
      expect(purl).toBe(`pkg:npm/${name.replace('@', '%40')}@${version}`);
      expect(hashes[0]).toMatchObject({ alg: 'SHA-512', content: expect.stringMatching(/^[0-9a-f]{128}$/) as string });
      expect(licenses?.[0]?.expression).toMatch(/^(MIT|ISC|Apache-2\.0|BSD-[23]-Clause|BlueOak-1\.0\.0|0BSD|\(.+\))/);
    }
    expect(bill.metadata.component['purl']).toBe('pkg:npm/%40lnmt/inference@1.2.3');
  });

  it('is the same for the same lock file, and says no time', () => {
    expect(billOfMaterials(lock, folders, { name: '@lnmt/inference', version: '1.2.3' })).toBe(text);
    expect(text).not.toMatch(/timestamp|serialNumber|resolved/);
  });
});

describe('the program that an image is built with', () => {
  const run = (cwd: string, ...args: string[]) => {
    const loader = createRequire(__filename).resolve('tsx/cjs');
    const main = path.join(ROOT, 'runtime/inference/image/main.ts');
    return spawnSync(process.execPath, ['--require', loader, main, ...args], { cwd, encoding: 'utf8' });
  };

  it('leaves what the server loads, and writes down what that is', () => {
    const folder = temporaryFolder();
    const here: LockFile = { packages: { ...SMALL.packages, 'node_modules/linux': { version: '1.0.0' } } };
    fs.writeFileSync(path.join(folder, 'package-lock.json'), JSON.stringify(here));
    for (const each of Object.keys(here.packages)) {
      if (each !== 'node_modules/mac') fs.mkdirSync(path.join(folder, each), { recursive: true });
    }
    fs.mkdirSync(path.join(folder, 'node_modules/.bin'));
    const { status, stdout, stderr } = run(folder, 'prune', '--features', '', '--sbom', 'sbom.json');
    expect([status, stdout, stderr]).toEqual([0, '6 packages\n', '']);
    expect(fs.readdirSync(path.join(folder, 'node_modules')).sort()).toEqual(['a', 'b', 'c', 'linux', 'p']);
    expect((JSON.parse(fs.readFileSync(path.join(folder, 'sbom.json'), 'utf8')) as Bill).components).toHaveLength(6);
  });

  it('refuses what it does not know, and removes nothing when something is missing', () => {
    expect(run(ROOT, 'nothing')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('say count, or prune') as string,
    });
    const folder = temporaryFolder();
    fs.writeFileSync(path.join(folder, 'package-lock.json'), JSON.stringify(SMALL));
    fs.mkdirSync(path.join(folder, 'node_modules/dev'), { recursive: true });
    expect(run(folder, 'prune', '--sbom', 's')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('not installed') as string,
    });
    expect(fs.readdirSync(path.join(folder, 'node_modules'))).toEqual(['dev']);
  });

  it('counts', () => {
    expect(JSON.parse(run(ROOT, 'count').stdout)).toEqual(countPackages(lock));
  });
});
