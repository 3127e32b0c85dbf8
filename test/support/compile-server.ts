import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import type typescript from 'typescript';

/** Root of the checkout. */
export const ROOT = path.resolve(__dirname, '../..');
const CACHE = path.join(ROOT, 'node_modules/.cache/lnmt-tests');
/** Compiled servers are kept so long. */
const KEPT_MS = 24 * 60 * 60 * 1000;
const PARTS = ['contract', 'shared', 'inference'];
const requireHere = createRequire(__filename);

const typescriptVersion = (): string => (requireHere('typescript/package.json') as { version: string }).version;

function filesOf(part: string): string[] {
  const all = fs.readdirSync(path.join(ROOT, 'runtime', part), { recursive: true, encoding: 'utf8' });
  const skipped = /(^|\/)(node_modules|dist)(\/|$)|\.(md|json)$/;
  const isFile = (file: string): boolean => fs.statSync(path.join(ROOT, file)).isFile();
  return all
    .filter((file) => !skipped.test(file))
    .map((file) => `runtime/${part}/${file}`)
    .filter(isFile);
}

/**
 * Compiles the server as it is now, without checking types, and gives the folder with `runtime/` in it. A server that
 * loads TypeScript starts its model hosts a second later: times would be those of the loader.
 */
export function compileServer(): string {
  compiled ??= compile();
  return compiled;
}

let compiled: string | undefined;

function compile(): string {
  const files = PARTS.flatMap(filesOf).sort();
  const texts = files.map((file) => fs.readFileSync(path.join(ROOT, file), 'latin1'));
  const hash = createHash('sha256')
    .update(JSON.stringify([typescriptVersion(), files, texts]))
    .digest('hex')
    .slice(0, 16);
  const target = path.join(CACHE, hash);
  if (fs.existsSync(target)) return target;
  for (const old of fs.existsSync(CACHE) ? fs.readdirSync(CACHE) : []) {
    // A younger one may be what the servers of another run are started from.
    const isOld = Date.now() - fs.statSync(path.join(CACHE, old)).mtimeMs > KEPT_MS;
    if (isOld) fs.rmSync(path.join(CACHE, old), { recursive: true, force: true });
  }
  // Loaded only where something is to be compiled: it takes half a second.
  const ts = requireHere('typescript') as typeof typescript;
  const staging = `${target}.${process.pid}`;
  const compilerOptions = { module: ts.ModuleKind.Node16, target: ts.ScriptTarget.ES2022, esModuleInterop: true };
  for (const [index, file] of files.entries()) {
    const bytes = Buffer.from(texts[index] ?? '', 'latin1');
    const out = path.join(staging, file.replace(/\.ts$/, '.js'));
    fs.mkdirSync(path.dirname(out), { recursive: true });
    // The name says that it is CommonJS, as the package does.
    const name = file.replace(/\.ts$/, '.cts');
    const transpile = (): string =>
      ts.transpileModule(bytes.toString(), { fileName: name, compilerOptions }).outputText;
    fs.writeFileSync(out, file.endsWith('.ts') ? transpile() : bytes);
  }
  fs.writeFileSync(path.join(staging, 'package.json'), '{"type":"commonjs"}\n');
  try {
    fs.renameSync(staging, target);
  } catch (error) {
    fs.rmSync(staging, { recursive: true, force: true });
    // Another process was first.
    if (!fs.existsSync(target)) throw error;
  }
  return target;
}
