import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { filesBelow, lineOf, source, sources, visit } from './sources';
import type { Source } from './sources';

const product = sources('constructs', 'stacks', 'runtime', 'examples');

function found(pattern: RegExp, files: readonly Source[] = product): string[] {
  return files.flatMap(({ file, text }) =>
    text.split('\n').flatMap((line, index) => (pattern.test(line) ? [`${file}:${index + 1}: ${line.trim()}`] : [])),
  );
}

describe('the code', () => {
  it('leaves nothing for later', () => {
    expect(found(/\b(TODO|FIXME|XXX|HACK)\b|\bfor now\b|not implemented/i)).toEqual([]);
  });

  it('switches no rule of the compiler or the linter off', () => {
    const tests = filesBelow('test', '.ts').filter((file) => !file.startsWith('test/architecture/'));
    expect(found(/@ts-(ignore|expect-error|nocheck)|eslint-disable/, [...product, ...tests.map(source)])).toEqual([]);
  });

  it('never runs a command on the machine of Terraform and never writes kubernetes_manifest', () => {
    expect(found(/local-exec|kubernetes_manifest/).filter((line) => !/^\S+\s*(\*|\/\/|\/\*)/.test(line))).toEqual([]);
  });

  it('names no path of a machine', () => {
    expect(found(/["'`](\/work\/|\/root\/|\/home\/|\/tmp\/)/)).toEqual([]);
  });
});

describe('a canary', () => {
  it('is promoted, rolled back or restarted in every text, as the API has it', () => {
    const traffic = sources('runtime/inference/traffic', 'runtime/inference/operations');
    expect(found(/\btak(e|es|en|ing)\b.{0,20}\bback\b|tried again|\banew\b/i, traffic)).toEqual([]);
  });
});

describe('the environment', () => {
  it('is read in main.ts, config.ts, the command and examples only', () => {
    const allowed = /(^|\/)(main|config)\.ts$|^runtime\/cli\/|^examples\//;
    const elsewhere = product.filter(({ file }) => !allowed.test(file));
    expect(found(/\bprocess\.env\b/, elsewhere)).toEqual([]);
  });
});

describe('the process of a server', () => {
  const ENTRIES = /^runtime\/inference\/(main|host\/main|image\/main|processing\/children\/[a-z-]+)\.ts$/;

  it('is acted on where it begins; elsewhere its id and versions are read, and nothing else', () => {
    const touched = sources('runtime/shared', 'runtime/inference').flatMap(({ file, tree }) => {
      const places: string[] = [];
      visit(tree, (node) => {
        if (!ts.isPropertyAccessExpression(node) || node.expression.getText() !== 'process') return;
        if (!['pid', 'versions'].includes(node.name.text)) places.push(`${file}: ${node.getText()}`);
      });
      return places;
    });
    expect(touched.length).toBeGreaterThan(5);
    expect(touched.filter((place) => !ENTRIES.test(place.split(':')[0] ?? ''))).toEqual([]);
  });
});

describe('constructs and stacks', () => {
  const library = sources('constructs', 'stacks');
  const synthesis = library.filter(({ file }) => !file.startsWith('constructs/testing/'));

  it('are silent', () => {
    expect(found(/\bconsole\./, library)).toEqual([]);
  });

  it('ask neither the clock nor chance', () => {
    expect(found(/\bDate\.now\(|\bnew Date\(\)|Math\.random\(|randomUUID|randomBytes/, library)).toEqual([]);
  });

  it('depend on no locale', () => {
    expect(found(/toLocale|localeCompare\([^,)]*\)|Intl\./, library)).toEqual([]);
  });

  it('are synchronous', () => {
    expect(
      found(/\basync\b|\bawait\b|new Promise/, synthesis).filter((line) => !/^\S+\s*(\*|\/\/)/.test(line)),
    ).toEqual([]);
  });

  it('document everything that they export', () => {
    expect(library.flatMap(undocumented)).toEqual([]);
  });

  it('state the default of every optional prop', () => {
    expect(library.flatMap(withoutDefault)).toEqual([]);
  });
});

function undocumented({ file, tree }: Source): string[] {
  return tree.statements.flatMap((statement) => {
    const modifiers = ts.canHaveModifiers(statement) ? (ts.getModifiers(statement) ?? []) : [];
    if (!modifiers.some((modifier) => modifier.kind === ts.SyntaxKind.ExportKeyword)) return [];
    if (ts.getJSDocCommentsAndTags(statement).length > 0) return [];
    return [`${file}:${lineOf(tree, statement.getStart(tree))}`];
  });
}

function withoutDefault({ file, tree }: Source): string[] {
  const missing: string[] = [];
  visit(tree, (node) => {
    if (!ts.isInterfaceDeclaration(node) || !/(Props|Options)$/.test(node.name.text)) return;
    const exported = ts.getModifiers(node)?.some((modifier) => modifier.kind === ts.SyntaxKind.ExportKeyword);
    if (!exported) return;
    for (const member of node.members) {
      if (!ts.isPropertySignature(member) || member.questionToken === undefined) continue;
      if (ts.getJSDocTags(member).some((tag) => tag.tagName.text === 'default')) continue;
      missing.push(`${file}:${lineOf(tree, member.getStart(tree))} ${node.name.text}.${member.name.getText(tree)}`);
    }
  });
  return missing;
}
