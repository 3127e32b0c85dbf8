import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import * as contract from '../../runtime/contract';
import { lineOf, sources, visit } from './sources';
import type { Source } from './sources';

/** Literals of others that look like ours, with the reason. */
const OTHERS: Readonly<Record<string, string>> = {
  'constructs/onprem/object-storage.ts 8080': 'pods of the object gateway of Rook listen there',
  'runtime/inference/models/oci-store.ts /v2': 'registries of images answer below that path',
};

const all = sources('constructs', 'stacks', 'runtime');
const outside = all.filter(({ file }) => !file.startsWith('runtime/contract/'));
/** The other tables of the contract. */
const inside = all.filter(({ file }) => file.startsWith('runtime/contract/') && !/\/(?:ports|volumes)\.ts$/.test(file));

const PORTS = new Set<number>(Object.values(contract.PORTS));
const PATHS = new Set<string>(Object.values(contract.PATHS));
const METRIC_TABLES: readonly Readonly<Record<string, contract.MetricDefinition>>[] = [
  ...[contract.METRICS, contract.TRITON_METRICS, contract.VLLM_METRICS],
];
const METRIC_NAMES = METRIC_TABLES.flatMap((table) => Object.values(table)).flatMap(({ name, derived }) =>
  derived ? [name, derived.name] : [name],
);
const VOLUMES = new Set<string>(Object.values(contract.VOLUMES).filter((folder) => folder !== contract.VOLUMES.tmp));

interface Literal {
  readonly where: string;
  readonly text: string;
  readonly isNumber: boolean;
}

function literalsOf({ file, tree }: Source): Literal[] {
  const found: Literal[] = [];
  visit(tree, (node) => {
    if (ts.isImportDeclaration(node.parent ?? node) || ts.isExportDeclaration(node.parent ?? node)) return;
    const isText =
      ts.isStringLiteral(node) ||
      ts.isNoSubstitutionTemplateLiteral(node) ||
      node.kind === ts.SyntaxKind.TemplateHead ||
      node.kind === ts.SyntaxKind.TemplateMiddle ||
      node.kind === ts.SyntaxKind.TemplateTail;
    if (!isText && !ts.isNumericLiteral(node)) return;
    const { text } = node as ts.LiteralLikeNode;
    if (OTHERS[`${file} ${text}`] !== undefined) return;
    found.push({ where: `${file}:${lineOf(tree, node.getStart(tree))}`, text, isNumber: ts.isNumericLiteral(node) });
  });
  return found;
}

const literals = outside.flatMap(literalsOf);
const texts = literals.filter(({ isNumber }) => !isNumber);
const strays = (list: readonly Literal[], isOurs: (text: string) => boolean): string[] =>
  list.filter(({ text }) => isOurs(text)).map(({ where, text }) => `${where}: ${text}`);

describe('outside the contract', () => {
  it('no port of a server is spelled', () => {
    const numbers = literals.filter(({ isNumber }) => isNumber);
    expect(numbers.length).toBeGreaterThan(0);
    expect(strays(numbers, (text) => PORTS.has(Number(text)))).toEqual([]);
  });

  it('no path of a server is spelled', () => {
    expect(strays(texts, (text) => PATHS.has(text))).toEqual([]);
  });

  it('no name of an environment variable is spelled', () => {
    expect(strays(texts, (text) => /^LNMT_[A-Z0-9_]+$/.test(text))).toEqual([]);
  });

  it('no name of a metric is spelled', () => {
    expect(strays(texts, (text) => METRIC_NAMES.some((name) => text.includes(name)))).toEqual([]);
  });

  it('no label of ours is spelled', () => {
    expect(strays(texts, (text) => /\blnmt\.dev\//.test(text) || text.startsWith('app.kubernetes.io/'))).toEqual([]);
  });

  it('no mount of an image is spelled', () => {
    expect(strays(texts, (text) => VOLUMES.has(text))).toEqual([]);
  });
});

describe('inside the contract', () => {
  it('no port and no mount is spelled again in another table', () => {
    const again = strays(inside.flatMap(literalsOf), (text) => PORTS.has(Number(text)) || VOLUMES.has(text));
    expect(again).toEqual([]);
  });
});

describe('the exceptions', () => {
  it('are all used', () => {
    const unused = Object.keys(OTHERS).filter((key) => {
      const [file = '', text = ''] = key.split(' ');
      return !all.some((each) => each.file === file && each.text.includes(text));
    });
    expect(unused).toEqual([]);
  });
});
