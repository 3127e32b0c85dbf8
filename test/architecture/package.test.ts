import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from './sources';

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, unknown>>;
  readonly typesVersions: { readonly '*': Readonly<Record<string, unknown>> };
}

const read = <T>(file: string): T => JSON.parse(fs.readFileSync(path.join(ROOT, file), 'utf8')) as T;
const manifest = read<Manifest>('package.json');
const lock = read<{ readonly packages: Readonly<Record<string, unknown>> }>('package-lock.json');

describe('the package', () => {
  it.each(['constructs', 'cdktf', 'cdk8s'])(
    'has a single copy of %s, or type guards and tokens would not meet',
    (name) => {
      expect(Object.keys(lock.packages).filter((key) => key.endsWith(`node_modules/${name}`))).toEqual([
        `node_modules/${name}`,
      ]);
    },
  );

  it('leaves cdktf, cdk8s, constructs and providers to its user', () => {
    const own = Object.keys(manifest.dependencies ?? {});
    expect(own.filter((name) => /^(cdktf|cdk8s|cdk8s-plus-27|constructs)$|^@cdktf\//.test(name))).toEqual([]);
  });

  it('offers its types to resolvers that know `exports` and to those that do not', () => {
    const subpaths = Object.keys(manifest.exports)
      .filter((key) => key.startsWith('./') && !key.includes('package.json'))
      .map((key) => key.slice(2));
    expect(Object.keys(manifest.typesVersions['*']).sort()).toEqual(subpaths.sort());
  });

  it('has a source for each subpath', () => {
    const missing = Object.keys(manifest.exports)
      .filter((key) => key !== '.' && !key.includes('package.json'))
      .map((key) => (key === './stacks' ? 'stacks/index.ts' : `constructs/${key.slice(2)}/index.ts`))
      .filter((file) => !fs.existsSync(path.join(ROOT, file)));
    expect(missing).toEqual([]);
  });

  it('runs no scripts of packages while it is installed', () => {
    expect(fs.readFileSync(path.join(ROOT, '.npmrc'), 'utf8')).toMatch(/^ignore-scripts=true$/m);
  });
});
