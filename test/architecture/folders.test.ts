import fs from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { filesBelow, ROOT, source } from './sources';

const CLOUDS = ['aws', 'google', 'azure', 'onprem'].filter((name) =>
  fs.existsSync(path.join(ROOT, 'constructs', name, 'index.ts')),
);

const names = (folder: string): string[] => fs.readdirSync(path.join(ROOT, folder));

/** Files of `cloud/` that declare a building block. */
function blockFiles(): string[] {
  return names('constructs/cloud').filter((name) => {
    if (!name.endsWith('.ts') || name === 'building-block.ts') return false;
    return source(`constructs/cloud/${name}`).tree.statements.some(
      (statement) =>
        ts.isInterfaceDeclaration(statement) &&
        (statement.heritageClauses ?? []).some((clause) => clause.getText().includes('IBuildingBlock')),
    );
  });
}

/** A folder of the inference server and those below it, where there are files enough to get lost in. */
function parts(folder: string): string[] {
  const entries = fs.readdirSync(path.join(ROOT, folder), { withFileTypes: true });
  const below = entries.filter((entry) => entry.isDirectory() && !['node_modules', 'dist'].includes(entry.name));
  const files = entries.filter(({ name }) => name.endsWith('.ts'));
  return [...(files.length < 3 ? [] : [folder]), ...below.flatMap(({ name }) => parts(`${folder}/${name}`))];
}

/** Folders with sources that people read one by one. */
function rooms(): string[] {
  const below = (folder: string): string[] =>
    fs.existsSync(path.join(ROOT, folder))
      ? fs
          .readdirSync(path.join(ROOT, folder), { withFileTypes: true })
          .filter((entry) => entry.isDirectory() && entry.name !== 'node_modules')
          .map((entry) => `${folder}/${entry.name}`)
      : [];
  const all = ['constructs', 'stacks', ...below('constructs'), ...below('runtime'), ...below('examples')];
  return [...new Set([...all, ...parts('runtime/inference')])].filter((folder) => filesBelow(folder, '.ts').length > 0);
}

describe('cloud folders', () => {
  it('are at least AWS and on-premises', () => {
    expect(CLOUDS).toEqual(expect.arrayContaining(['aws', 'onprem']));
  });

  it.each(CLOUDS)('%s has a file for every building block, under the same name', (cloud) => {
    expect(blockFiles().length).toBeGreaterThan(15);
    expect(blockFiles().filter((name) => !names(`constructs/${cloud}`).includes(name))).toEqual([]);
  });

  it.each(CLOUDS)('%s has its cloud, shapes, errors and index where the others have them', (cloud) => {
    const expected = [`${cloud}-cloud.ts`, 'gpu-shapes.ts', 'errors.ts', 'index.ts', 'README.md'];
    expect(expected.filter((name) => !names(`constructs/${cloud}`).includes(name))).toEqual([]);
  });
});

describe('the top level', () => {
  it('has nothing but what the design names', () => {
    const allowed = [
      ...['constructs', 'stacks', 'runtime', 'examples', 'test'],
      ...['package.json', 'package-lock.json', 'tsconfig.json', 'cdktf.json', 'README.md', 'LICENSE'],
      ...['node_modules', 'dist', 'cdktf.out', 'shared'],
    ];
    expect(names('.').filter((name) => !name.startsWith('.') && !allowed.includes(name))).toEqual([]);
  });
});

describe('folders', () => {
  it.each(rooms())('%s explains itself in a README of at most 60 lines', (folder) => {
    const file = path.join(ROOT, folder, 'README.md');
    expect(fs.existsSync(file), `${folder}/README.md`).toBe(true);
    expect(fs.readFileSync(file, 'utf8').trimEnd().split('\n').length).toBeLessThanOrEqual(60);
  });

  it('have names in kebab-case', () => {
    const odd = ['constructs', 'stacks', 'runtime']
      .flatMap((folder) => filesBelow(folder, '.ts'))
      .filter((file) => !/^[a-z0-9-]+(\.(test|d))?\.ts$/.test(path.posix.basename(file)));
    expect(odd).toEqual([]);
  });
});

describe('examples', () => {
  const examples = fs
    .readdirSync(path.join(ROOT, 'examples'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);

  it.each(examples)('%s is a function of an app, and three lines that call it', (name) => {
    expect(names(`examples/${name}`)).toEqual(expect.arrayContaining(['app.ts', 'main.ts', 'README.md']));
    expect(source(`examples/${name}/app.ts`).text).toMatch(/export function build\(app: App\): void/);
  });
});
