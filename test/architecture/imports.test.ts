import { describe, expect, it } from 'vitest';
import { importsOf, source, sources } from './sources';
import type { Import } from './sources';

const CLOUDS = ['aws', 'google', 'azure', 'onprem'];

/** Where a file belongs. */
function room(file: string): string {
  const [top = '', second = ''] = file.split('/');
  if (top === 'constructs') return second.endsWith('.ts') ? 'constructs' : `constructs/${second}`;
  if (top === 'runtime') return `runtime/${second}`;
  return top;
}

/** Rooms and packages that a room may import; its own room always. A trailing `*` stands for any ending. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  constructs: [
    ...['constructs/cloud', 'constructs/kubernetes', 'constructs/addons', 'constructs/delivery'],
    ...['constructs/compliance', 'runtime/contract', 'constructs', 'cdktf', 'cdk8s', 'node:*'],
  ],
  'constructs/cloud': ['constructs', 'constructs/addons', 'runtime/contract', 'cdktf', 'cdk8s'],
  'constructs/kubernetes': ['constructs', 'constructs/cloud', 'runtime/contract', 'cdk8s', 'cdk8s-plus-27', 'node:*'],
  'constructs/addons': ['constructs', 'constructs/cloud', 'constructs/kubernetes', 'runtime/contract', 'node:*'],
  'constructs/compliance': [
    'constructs',
    'constructs/cloud',
    'constructs/kubernetes',
    'runtime/contract',
    'cdktf',
    'cdk8s',
  ],
  'constructs/delivery': [
    ...['constructs', 'constructs/cloud', 'constructs/addons', 'constructs/kubernetes', 'runtime/contract'],
    ...['cdktf', 'cdk8s', 'node:*', 'yaml', '@cdktf/provider-helm/lib/*'],
  ],
  'constructs/testing': ['constructs', 'constructs/cloud', 'constructs/addons', 'cdktf', 'cdk8s', 'node:*'],
  stacks: ['constructs', 'constructs/cloud', 'constructs/delivery', 'runtime/contract', 'cdktf', 'node:*'],
  'runtime/contract': [],
  'runtime/shared': ['runtime/contract'],
  'runtime/inference': ['runtime/contract', 'runtime/shared'],
  'runtime/training': ['runtime/contract', 'runtime/shared'],
  'runtime/management': ['runtime/contract', 'runtime/shared'],
  'runtime/sdk': ['runtime/contract'],
  examples: ['lnmt', 'lnmt/*', 'cdktf', 'cdk8s', 'cdk8s-plus-27', 'constructs', '@cdktf/provider-*/lib/*', 'node:*'],
};

const cloudRoom = (name: string): readonly string[] => [
  ...['constructs', 'constructs/cloud', 'constructs/kubernetes', 'constructs/addons', 'runtime/contract'],
  ...['cdktf', 'cdk8s', 'node:*', `@cdktf/provider-${{ azure: 'azurerm' }[name] ?? name}/lib/*`],
];

function matches(pattern: string, name: string): boolean {
  return new RegExp(`^${pattern.split('*').map(escape).join('.*')}$`).test(name);
}

function escape(text: string): string {
  return text.replace(/[.+?^${}()|[\]\\/]/g, '\\$&');
}

const all = sources('constructs', 'stacks', 'runtime', 'examples');
const imports = all.flatMap(importsOf);
const isFile = (name: string): boolean => /^(constructs|stacks|runtime|examples|test)\//.test(name);
const describeImport = ({ from, to }: Import): string => `${from} imports ${to}`;

/** Whether a file of an example belongs to its app: what a user would copy, and no script of ours that runs it. */
function isOfAnApp(file: string): boolean {
  return reach(`${file.split('/').slice(0, 2).join('/')}/app.ts`).has(file);
}

const isScript = (file: string): boolean => file.startsWith('examples/') && !isOfAnApp(file);

function reach(start: string, seen = new Set<string>()): Set<string> {
  if (seen.has(start) || !all.some(({ file }) => file === start)) return seen;
  seen.add(start);
  for (const { to } of importsOf(source(start))) reach(to, seen);
  return seen;
}

function mayImport({ from, to }: Import): boolean {
  const own = room(from);
  const target = isFile(to) ? room(to) : to;
  if (isFile(to) && target === own) return true;
  const [, name = ''] = own.split('/');
  const allowed = own.startsWith('constructs/') && CLOUDS.includes(name) ? cloudRoom(name) : ALLOWED[own];
  return allowed === undefined || allowed.some((pattern) => matches(pattern, target));
}

describe('imports', () => {
  it('finds files and imports to judge', () => {
    expect(all.length).toBeGreaterThan(50);
    expect(imports.length).toBeGreaterThan(200);
  });

  it('run along the edges of the design and no others', () => {
    const judged = imports.filter(({ from }) => !from.startsWith('runtime/') || room(from) === 'runtime/contract');
    const wrong = judged.filter((edge) => !mayImport(edge) && !isScript(edge.from));
    expect(wrong.map(describeImport)).toEqual([]);
  });

  it('lead from no server to another, and from none into constructs, stacks or examples', () => {
    const fromServers = imports.filter(
      ({ from, to }) => /^runtime\/(shared|inference|training|management|sdk)\//.test(from) && isFile(to),
    );
    expect(fromServers.filter((edge) => !mayImport(edge)).map(describeImport)).toEqual([]);
  });

  it('let constructs, stacks and examples see only the contract of the runtime', () => {
    const seen = imports.filter(({ from, to }) => !from.startsWith('runtime/') && to.startsWith('runtime/'));
    const wrong = seen.filter(({ from, to }) => room(to) !== 'runtime/contract' && !isScript(from));
    expect(wrong.map(describeImport)).toEqual([]);
  });

  it('never reach a provider by its barrel, which loads every resource', () => {
    expect(imports.filter(({ to }) => /^@cdktf\/provider-[a-z]+$/.test(to)).map(describeImport)).toEqual([]);
  });

  it('reach cdktf neither directly nor through others from kubernetes/ and addons/', () => {
    for (const folder of ['constructs/kubernetes', 'constructs/addons']) {
      const chains = sources(folder).flatMap(({ file }) => chainTo('cdktf', file));
      expect(chains).toEqual([]);
    }
  });

  it('make a Helm release in delivery only', () => {
    const found = imports.filter(({ to }) => to.startsWith('@cdktf/provider-helm/lib/release'));
    expect(found.filter(({ from }) => room(from) !== 'constructs/delivery').map(describeImport)).toEqual([]);
  });

  it('never lead to kubernetes_manifest, which needs the cluster when Terraform plans', () => {
    expect(imports.filter(({ to }) => /provider-kubernetes\/lib\/manifest/.test(to)).map(describeImport)).toEqual([]);
  });

  it('load no cloud with the public index of the library', () => {
    const clouds = CLOUDS.flatMap((name) => chainTo(`constructs/${name}/`, 'constructs/index.ts'));
    expect(clouds).toEqual([]);
  });
});

/** The first chain of value imports from a file to something whose name begins with `target`. */
function chainTo(target: string, start: string, seen = new Set<string>()): string[] {
  if (seen.has(start)) return [];
  seen.add(start);
  for (const { to, typeOnly } of importsOf(source(start))) {
    if (typeOnly) continue;
    if (to === target || to.startsWith(target.endsWith('/') ? target : `${target}/`)) return [`${start} → ${to}`];
    const [rest] = isFile(to) && to.endsWith('.ts') ? chainTo(target, to, seen) : [];
    if (rest !== undefined) return [`${start} → ${rest}`];
  }
  return [];
}
