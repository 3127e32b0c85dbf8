import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import ts from 'typescript';

const root = path.resolve(__dirname, '../../..');

/** Packages that the programs load, from this checkout. */
const PEERS = ['cdktf', 'cdk8s', 'cdk8s-plus-27', 'constructs', '@cdktf/provider-aws', '@cdktf/provider-helm'];
const PACKAGES = [...PEERS, 'commander', 'yaml'];

/** A folder in which compiled programs find `lnmt` as an installed package with its peers beside it. */
export function stage(folder: string): void {
  const modules = path.join(folder, 'node_modules');
  const own = path.join(modules, 'lnmt');
  fs.mkdirSync(path.join(modules, '@cdktf'), { recursive: true });
  fs.mkdirSync(own);
  fs.copyFileSync(path.join(root, 'package.json'), path.join(own, 'package.json'));
  for (const name of PACKAGES) fs.symlinkSync(path.join(root, 'node_modules', name), path.join(modules, name));
  const config = path.join(root, '.config/tsconfig.build.json');
  const args = ['-p', config, '--outDir', path.join(own, 'dist'), '--declaration', 'false'];
  // It writes the programs whatever it finds: faults are the business of the type-check.
  spawnSync(process.execPath, [require.resolve('typescript/bin/tsc'), ...args], { cwd: root });
  const programs = path.join(__dirname, 'programs');
  for (const file of fs.readdirSync(programs)) compile(path.join(programs, file), folder);
}

function compile(source: string, folder: string): void {
  const { outputText } = ts.transpileModule(fs.readFileSync(source, 'utf8'), {
    compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022, esModuleInterop: true },
  });
  fs.writeFileSync(path.join(folder, path.basename(source).replace(/\.ts$/, '.js')), outputText);
}
