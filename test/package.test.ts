import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const root = path.resolve(__dirname, '..');

interface PackageJson {
  readonly main: string;
  readonly types: string;
  readonly bin: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>;
  readonly typesVersions: { readonly '*': Readonly<Record<string, readonly string[]>> };
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta: Readonly<Record<string, { readonly optional: boolean }>>;
}

const manifest = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8')) as PackageJson;

/** The source files that the build compiles: what it includes, and what that imports. */
function sources(): string[] {
  const file = path.join(root, '.config/tsconfig.build.json');
  const parsed = ts.getParsedCommandLineOfConfigFile(file, {}, { ...ts.sys, onUnRecoverableConfigFileDiagnostic });
  if (parsed === undefined) throw new Error(`cannot read ${file}`);
  return ts
    .createProgram(parsed.fileNames, parsed.options)
    .getSourceFiles()
    .filter((source) => !source.isDeclarationFile)
    .map((source) => path.relative(root, source.fileName));
}

function onUnRecoverableConfigFileDiagnostic(diagnostic: ts.Diagnostic): never {
  throw new Error(ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n'));
}

/** The files that npm would publish after a build, without building: empty ones stand in for what the compiler writes. */
function packedFiles(): string[] {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'lnmt-package-'));
  try {
    for (const file of ['package.json', 'README.md', 'LICENSE', '.npmrc']) {
      fs.copyFileSync(path.join(root, file), path.join(folder, file));
    }
    for (const source of sources()) {
      for (const end of ['.js', '.d.ts']) touch(path.join(folder, 'dist', source.replace(/\.ts$/, end)));
    }
    const output = execFileSync('npm', ['pack', '--dry-run', '--json', '--offline'], { cwd: folder, encoding: 'utf8' });
    const [packed] = JSON.parse(output) as [{ readonly files: readonly { readonly path: string }[] }];
    return packed.files.map((file) => file.path).sort();
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

function touch(file: string): void {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, '');
}

describe('the package', () => {
  const files = packedFiles();

  it('holds the library, the stacks, the contract and the command, and nothing else', () => {
    const folders = new Set(files.map((file) => file.split('/').slice(0, 3).join('/')));
    const allowed =
      /^(package\.json|README\.md|LICENSE|dist\/(constructs|stacks)\/[^/]+|dist\/runtime\/(contract|cli|shared|inference))$/;
    expect([...folders].filter((folder) => !allowed.test(folder))).toEqual([]);
    for (const wanted of ['dist/constructs/index.js', 'dist/stacks/index.js', 'dist/runtime/cli/main.js']) {
      expect(files).toContain(wanted);
    }
  });

  it('ships no server: of the folders of servers only what the command prints and checks', () => {
    const shipped = files.filter((file) =>
      /^dist\/runtime\/(shared|inference|training|management)\/.*\.js$/.test(file),
    );
    for (const file of shipped) {
      const source = fs.readFileSync(path.join(root, file.replace(/^dist\//, '').replace(/\.js$/, '.ts')), 'utf8');
      expect(source, file).not.toMatch(/from '(fastify|onnxruntime-node|pino|prom-client|@tensorflow)/);
    }
    expect(files.filter((file) => /(^|\/)(server|main|worker|process)\.js$/.test(file))).toEqual([
      'dist/runtime/cli/main.js',
    ]);
  });

  it('has a file behind every entry point, for old and new resolution alike', () => {
    for (const [subpath, target] of Object.entries(manifest.exports)) {
      if (typeof target === 'string') continue;
      expect(files).toContain(target.default.replace('./', ''));
      expect(files).toContain(target.types.replace('./', ''));
      if (subpath !== '.') {
        expect(manifest.typesVersions['*'][subpath.replace('./', '')], subpath).toEqual([target.types]);
      }
    }
    const own = [manifest.main, manifest.types, ...Object.values(manifest.bin)];
    for (const file of own) expect(files).toContain(file.replace('./', ''));
  });

  it('brings neither a provider nor a native package, and asks for each cloud only from who uses it', () => {
    expect(Object.keys(manifest.dependencies).sort()).toEqual(['commander', 'yaml']);
    expect(manifest.peerDependencies).toMatchObject({ cdktf: '>=0.21.0 <1', constructs: '>=10.6.0 <10.8.0' });
    const optional = Object.keys(manifest.peerDependenciesMeta);
    const providers = Object.keys(manifest.peerDependencies).filter((name) => name.startsWith('@cdktf/provider-'));
    expect(providers.filter((name) => name !== '@cdktf/provider-helm')).toEqual(optional);
  });

  it('runs nothing when it is installed or packed', () => {
    const lifecycle = /^(pre|post)|^(install|prepare|publish)$/;
    expect(Object.keys(manifest.scripts).filter((name) => lifecycle.test(name))).toEqual([]);
  });
});

describe('loading an entry point', () => {
  const loaded = (module: string): string[] => {
    const program = `
      require(${JSON.stringify(`./constructs/${module}/index.ts`)});
      process.stdout.write(JSON.stringify(Object.keys(require.cache)));
    `;
    const args = ['--import', require.resolve('tsx'), '--eval', program];
    return JSON.parse(execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8' })) as string[];
  };
  const packages = (files: readonly string[]): string[] => [
    ...new Set(files.flatMap((file) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1] ?? [])),
  ];
  const ours = (files: readonly string[]): string[] =>
    files.filter((file) => !file.includes('node_modules')).map((file) => path.relative(root, file));

  it('of AWS loads no other provider, no other cloud, no server and no barrel', () => {
    const files = loaded('aws');
    const providers = packages(files).filter((name) => name.startsWith('@cdktf/'));
    expect(providers).toEqual(['@cdktf/provider-aws']);
    expect(files.some((file) => file.endsWith('@cdktf/provider-aws/lib/index.js'))).toBe(false);
    expect(packages(files).filter((name) => /fastify|onnxruntime|tensorflow|commander/.test(name))).toEqual([]);
    expect(
      ours(files).filter((file) => /^constructs\/(google|azure|onprem)\/|^runtime\/(?!contract\/)/.test(file)),
    ).toEqual([]);
  });

  it('of an on-premises site loads no provider at all', () => {
    const files = loaded('onprem');
    expect(packages(files).filter((name) => name.startsWith('@cdktf/provider-aws'))).toEqual([]);
    expect(ours(files).filter((file) => file.startsWith('constructs/aws/'))).toEqual([]);
  });

  it('of the tests loads no cloud', () => {
    expect(ours(loaded('testing')).filter((file) => /^constructs\/(aws|onprem|google|azure)\//.test(file))).toEqual([]);
  });
});
