import fs from 'node:fs';
import path from 'node:path';
import { compiledPackage, ROOT } from './compile-programs';

/** What projects import besides the package. */
const PEERS = ['@cdktf', 'cdk8s', 'cdk8s-plus-27', 'cdktf', 'constructs'] as const;
const TOOLS = ['.bin', '@types', 'tsx', 'typescript'] as const;

/** What `npm install` brings into the project of a user: the package, compiled, its peers and the tools, of this checkout. */
export function install(project: string): void {
  const modules = path.join(project, 'node_modules');
  fs.mkdirSync(modules);
  fs.symlinkSync(compiledPackage(), path.join(modules, 'lnmt'));
  for (const name of [...PEERS, ...TOOLS]) {
    fs.symlinkSync(path.join(ROOT, 'node_modules', name), path.join(modules, name));
  }
}
