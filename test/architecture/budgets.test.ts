import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { lineOf, sources, visit } from './sources';
import type { Source } from './sources';

/** Pure data: tables whose length is that of what they list. */
const TABLES =
  /\/(gpu-shapes|cpu-shapes|node-shapes-data|catalogue|env|metrics|errors[a-z-]*|error-table|accelerators)\.ts$/;

const product = sources('constructs', 'stacks', 'runtime').filter(({ file }) => !TABLES.test(file));
const lines = (text: string): number => text.trimEnd().split('\n').length;

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.ceil(sorted.length * share) - 1] ?? 0;
}

interface Measured {
  readonly name: string;
  readonly lines: number;
  readonly isConstructor: boolean;
  readonly parameters: number;
}

/** Functions with a body, each without the functions that stand inside it being counted apart. */
function functionsOf({ file, tree }: Source): Measured[] {
  const found: Measured[] = [];
  visit(tree, (node) => {
    if (!ts.isFunctionLike(node) || !('body' in node) || node.body === undefined) return;
    const first = lineOf(tree, node.getStart(tree));
    const last = lineOf(tree, node.end);
    const name = ts.isConstructorDeclaration(node) ? 'constructor' : (node.name?.getText(tree) ?? 'a function');
    found.push({
      name: `${file}:${first} ${name}`,
      lines: last - first + 1,
      isConstructor: ts.isConstructorDeclaration(node),
      parameters: node.parameters.length,
    });
  });
  return found;
}

const functions = product.flatMap(functionsOf);
const over = (limit: number, measured: readonly Measured[]): string[] =>
  measured.filter((each) => each.lines > limit).map((each) => `${each.name}: ${each.lines} lines`);

describe('source files', () => {
  const sizes = product.map(({ file, text }) => ({ file, lines: lines(text) }));

  it('have at most 120 lines in the median and 300 in 95 of 100', () => {
    expect(sizes.length).toBeGreaterThan(50);
    expect(
      quantile(
        sizes.map((size) => size.lines),
        0.5,
      ),
    ).toBeLessThanOrEqual(120);
    expect(
      quantile(
        sizes.map((size) => size.lines),
        0.95,
      ),
    ).toBeLessThanOrEqual(300);
  });

  it('have never more than 400 lines', () => {
    expect(sizes.filter((size) => size.lines > 400)).toEqual([]);
  });
});

describe('functions', () => {
  it('have at most 40 lines', () => {
    expect(
      over(
        40,
        functions.filter((each) => !each.isConstructor),
      ),
    ).toEqual([]);
  });

  it('have at most 60 lines where they are constructors', () => {
    expect(
      over(
        60,
        functions.filter((each) => each.isConstructor),
      ),
    ).toEqual([]);
  });

  it('have at most five parameters', () => {
    expect(functions.filter((each) => each.parameters > 5).map((each) => each.name)).toEqual([]);
  });
});

describe('the groups of ICloud', () => {
  it('have at most nine methods each', () => {
    const cloud = product.find(({ file }) => file === 'constructs/cloud/cloud.ts');
    const groups = (cloud?.tree.statements ?? []).filter(
      (node) => ts.isInterfaceDeclaration(node) && node.name.text.endsWith('Provider'),
    );
    expect(groups).toHaveLength(5);
    for (const group of groups) {
      const methods = (group as ts.InterfaceDeclaration).members.filter((member) => ts.isMethodSignature(member));
      expect(methods.length).toBeLessThanOrEqual(9);
    }
  });
});
