import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import type typescript from 'typescript';

/** Root of the checkout. */
export const ROOT = path.resolve(__dirname, '../..');
const CACHE = path.join(ROOT, 'node_modules/.cache/lnmt-tests');
/** What was compiled is kept so long. */
const KEPT_MS = 24 * 60 * 60 * 1000;
/** The package, and the server. */
const PARTS = ['runtime/contract', 'runtime/shared', 'runtime/inference', 'runtime/cli', 'constructs', 'stacks'];
const SERVER_PACKAGE = '@lnmt/inference';
const DIST = 'dist';
const LOADER = 'source-loader.cjs';
/** For `node --require`: takes, for a file of TypeScript, what was compiled from it. */
const LOADER_TEXT = `'use strict';
const fs = require('node:fs');
const path = require('node:path');
require.extensions['.ts'] = (module, file) => {
  const compiled = path.join(__dirname, path.relative(${JSON.stringify(ROOT)}, file));
  module._compile(fs.readFileSync(compiled.replace(/ts$/, 'js'), 'utf8'), file);
};
`;
const requireHere = createRequire(__filename);

const typescriptVersion = (): string => (requireHere('typescript/package.json') as { version: string }).version;

function filesOf(part: string): string[] {
  const all = fs.readdirSync(path.join(ROOT, part), { recursive: true, encoding: 'utf8' });
  const skipped = /(^|\/)(node_modules|dist)(\/|$)|\.(md|json)$/;
  const isFile = (file: string): boolean => fs.statSync(path.join(ROOT, file)).isFile();
  return all
    .filter((file) => !skipped.test(file))
    .map((file) => `${part}/${file}`)
    .filter(isFile);
}

/**
 * Compiles the package and the server as they are now, without checking types, and gives the folder with `runtime/` in
 * it. Programs that load TypeScript start a second later, and so does each process that they start: times would be
 * those of the loader.
 */
export const compilePrograms = (): string => path.join(compiledPackage(), DIST);

/** Folder of the same, laid out as the package `lnmt`. */
export function compiledPackage(): string {
  compiled ??= compile();
  return compiled;
}

/** File for `node --require` by which programs that start from their sources start as quickly as compiled ones. */
export const compiledSourceLoader = (): string => path.join(compilePrograms(), LOADER);

let compiled: string | undefined;

/** Lays the compiled server where the command finds its package. */
function installServer(folder: string): void {
  const server = path.join(folder, DIST, 'runtime/inference');
  const manifest = requireHere(`${SERVER_PACKAGE}/package.json`) as { readonly bin: Readonly<Record<string, string>> };
  const bin = Object.fromEntries(Object.keys(manifest.bin).map((name) => [name, './main.js']));
  fs.writeFileSync(path.join(server, 'package.json'), JSON.stringify({ ...manifest, bin }));
  const link = path.join(folder, 'node_modules', SERVER_PACKAGE);
  fs.mkdirSync(path.dirname(link), { recursive: true });
  fs.symlinkSync(path.relative(path.dirname(link), server), link);
}

/** Each file by itself, as `isolatedModules` allows, but by one program: that takes half the time. */
function transpile(files: readonly string[], outDir: string): void {
  // Loaded only where something is to be compiled: it takes half a second.
  const ts = requireHere('typescript') as typeof typescript;
  const alone = { isolatedModules: true, noResolve: true, noLib: true, noCheck: true, types: [] };
  const program = ts.createProgram(
    files.map((file) => path.join(ROOT, file)),
    {
      ...alone,
      module: ts.ModuleKind.Node16,
      moduleResolution: ts.ModuleResolutionKind.Node16,
      target: ts.ScriptTarget.ES2022,
      esModuleInterop: true,
      rootDir: ROOT,
      outDir,
    },
  );
  const { emitSkipped } = program.emit();
  if (emitSkipped) throw new Error('the programs cannot be compiled');
}

function compile(): string {
  const files = PARTS.flatMap(filesOf).sort();
  const texts = files.map((file) => fs.readFileSync(path.join(ROOT, file), 'latin1'));
  const manifests = ['package.json', 'runtime/inference/package.json'].map((file) =>
    fs.readFileSync(path.join(ROOT, file), 'utf8'),
  );
  const hash = createHash('sha256')
    .update(JSON.stringify([ROOT, typescriptVersion(), fs.readFileSync(__filename, 'utf8'), manifests, files, texts]))
    .digest('hex')
    .slice(0, 16);
  const target = path.join(CACHE, hash);
  if (fs.existsSync(target)) return target;
  for (const old of fs.existsSync(CACHE) ? fs.readdirSync(CACHE) : []) {
    // A younger one may be what the servers of another run are started from.
    const isOld = Date.now() - fs.statSync(path.join(CACHE, old)).mtimeMs > KEPT_MS;
    if (isOld) fs.rmSync(path.join(CACHE, old), { recursive: true, force: true });
  }
  const staging = `${target}.${process.pid}`;
  const [sources, others] = [
    files.filter((file) => file.endsWith('.ts')),
    files.filter((file) => !file.endsWith('.ts')),
  ];
  const dist = path.join(staging, DIST);
  transpile(sources, dist);
  for (const file of others) {
    fs.mkdirSync(path.dirname(path.join(dist, file)), { recursive: true });
    fs.copyFileSync(path.join(ROOT, file), path.join(dist, file));
  }
  fs.copyFileSync(path.join(ROOT, 'package.json'), path.join(staging, 'package.json'));
  fs.writeFileSync(path.join(dist, LOADER), LOADER_TEXT);
  installServer(staging);
  try {
    fs.renameSync(staging, target);
  } catch (error) {
    fs.rmSync(staging, { recursive: true, force: true });
    // Another process was first.
    if (!fs.existsSync(target)) throw error;
  }
  return target;
}
