import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import ts from 'typescript';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { install } from './support/install';

const root = path.resolve(__dirname, '..');
const readme = fs.readFileSync(path.join(root, 'README.md'), 'utf8');
const blocks = (language: string, text = readme): string[] =>
  [...text.matchAll(/^( *)```(\w+)\n([\s\S]*?)^\1```$/gm)]
    .filter((match) => match[2] === language)
    .map((match) => match[3] ?? '');
const OTHERS = ['constructs/kubernetes', 'constructs/testing', 'examples/custom-cloud'];
const programs = [
  ...blocks('ts').map((text, index) => ({ name: `block-${index + 1}`, text })),
  ...OTHERS.flatMap((place) =>
    blocks('ts', fs.readFileSync(path.join(root, place, 'README.md'), 'utf8')).map((text, index) => ({
      name: `${place.replace('/', '-')}-${index + 1}`,
      text,
    })),
  ),
];
/** What is not a whole program stands among a test of its reader, beside a cloud. */
const READER = `
import type { ICloud } from 'lnmt';
declare const MyCloud: new () => ICloud;
declare const WorkshopCloud: new () => ICloud;
declare function it(name: string, run: () => unknown): void;
declare function expect(value: unknown): { toMatchObject(part: object): void };
`;
/** The same where it runs. */
const READER_AT_RUN = `
const { FakeCloud } = require('lnmt/testing');
const [MyCloud, WorkshopCloud, it] = [FakeCloud, FakeCloud, () => undefined];
const holds = (value, part) => Object.keys(part).every((key) => typeof part[key] === 'object'
  ? holds(value[key], part[key]) : value[key] === part[key]);
const expect = (value) => ({ toMatchObject: (part) => require('node:assert').ok(holds(value, part), JSON.stringify(value)) });
`;
const isWhole = (text: string): boolean => text.includes('app.synth()');

let folder: string;

beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'lnmt-readme-'));
  install(folder);
  fs.copyFileSync(path.join(root, 'examples/aws-inference/images.json'), path.join(folder, 'images.json'));
  for (const { name, text } of programs) {
    fs.writeFileSync(path.join(folder, `${name}.ts`), isWhole(text) ? text : text + READER);
  }
});

afterAll(() => {
  fs.rmSync(folder, { recursive: true, force: true });
});

describe('the programs in READMEs', () => {
  it('are there', () => {
    expect(programs.length).toBeGreaterThanOrEqual(8);
  });

  it('compile', () => {
    const config = path.join(root, 'tsconfig.json');
    const parsed = ts.parseJsonConfigFileContent(
      ts.readConfigFile(config, (file) => ts.sys.readFile(file)).config,
      ts.sys,
      root,
    );
    const files = programs.map(({ name }) => path.join(folder, `${name}.ts`));
    const program = ts.createProgram(files, {
      ...parsed.options,
      noEmit: true,
      incremental: false,
      tsBuildInfoFile: undefined,
      pathsBasePath: root,
      paths: parsed.options.paths,
      preserveSymlinks: true,
    });
    const own = files.flatMap((file) => ts.getPreEmitDiagnostics(program, program.getSourceFile(file)));
    expect(own.map((problem) => ts.flattenDiagnosticMessageText(problem.messageText, '\n'))).toEqual([]);
  });

  it.each(programs)('$name runs', ({ name, text }) => {
    const out = path.join(folder, name);
    fs.mkdirSync(out);
    const options = { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022, esModuleInterop: true };
    const program = ts.transpile(text, options);
    fs.writeFileSync(path.join(folder, `${name}.js`), isWhole(text) ? program : READER_AT_RUN + program);
    execFileSync(process.execPath, [path.join(folder, `${name}.js`)], { cwd: out, env: { PATH: process.env['PATH'] } });
    const written = fs.readdirSync(out, { recursive: true }) as string[];
    expect(written.some((file) => /cdk\.tf\.json$|\.k8s\.yaml$/.test(file))).toBe(isWhole(text));
  });
});

describe('what README.md says', () => {
  it('of commands exists: scripts of package.json and verbs of lnmt', () => {
    const { scripts } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8')) as {
      readonly scripts: Readonly<Record<string, string>>;
    };
    for (const [, script = ''] of readme.matchAll(/npm (?:run )?(quickstart|docs|test|package|bench:\w+)\b/g)) {
      expect(scripts[script], script).toBeDefined();
    }
    const verbs = fs.readdirSync(path.join(root, 'runtime/cli/commands')).map((file) => file.replace('.ts', ''));
    for (const [, verb = ''] of readme.matchAll(/npx lnmt ([a-z]+)/g)) expect(verbs).toContain(verb);
  });

  it('of files exists', () => {
    for (const [, target = ''] of readme.matchAll(/\]\((?!https?:)([^)#]+)\)/g)) {
      expect(fs.existsSync(path.join(root, target)), target).toBe(true);
    }
  });

  it('of versions is what is installed', () => {
    const [alias] = blocks('json').map((text) => JSON.parse(text) as { dependencies: Record<string, string> });
    for (const [name, version] of Object.entries(alias?.dependencies ?? {})) {
      if (name === 'lnmt' || name === 'cdktf') continue;
      const file = path.join(root, 'node_modules', name, 'package.json');
      const { version: installed } = JSON.parse(fs.readFileSync(file, 'utf8')) as { readonly version: string };
      expect(version, name).toBe(installed);
    }
  });

  it('promises nobody that anything is compliant', () => {
    expect(readme).not.toMatch(/\bcompliant\b/i);
  });
});
