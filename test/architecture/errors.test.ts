import { describe, expect, it } from 'vitest';
import { filesBelow, source, sources } from './sources';

const CODE = /LNMT\d{4}/g;

/** Codes by the tables that define them. */
function definitions(): { readonly code: string; readonly file: string }[] {
  return sources('constructs', 'stacks', 'runtime').flatMap(({ file, text }) =>
    [...text.matchAll(/^\s+(LNMT\d{4}): \{/gm)].map((match) => ({ code: match[1] ?? '', file })),
  );
}

const defined = definitions();
const codes = defined.map(({ code }) => code);
const tests = filesBelow('test', '.ts')
  .filter((file) => !file.startsWith('test/architecture/'))
  .map((file) => source(file).text)
  .join('\n');

describe('error codes', () => {
  it('are many', () => {
    expect(codes.length).toBeGreaterThan(20);
  });

  it('are defined once', () => {
    const twice = codes.filter((code, index) => codes.indexOf(code) !== index);
    expect(defined.filter(({ code }) => twice.includes(code))).toEqual([]);
  });

  it('are defined where they are raised', () => {
    const raised = sources('constructs', 'stacks', 'runtime').flatMap(({ text }) =>
      [...text.matchAll(/new LnmtError\(\s*'(LNMT\d{4})'/g)].map((match) => match[1] ?? ''),
    );
    expect([...new Set(raised)].filter((code) => !codes.includes(code))).toEqual([]);
  });

  it('are raised where they are defined', () => {
    const raised = sources('constructs', 'stacks', 'runtime')
      .flatMap(({ text }) => text.split('\n').filter((line) => !/^\s*(\*|\/\/|\/\*|LNMT\d{4}: \{)/.test(line)))
      .flatMap((line) => line.match(CODE) ?? []);
    expect(codes.filter((code) => !raised.includes(code))).toEqual([]);
  });

  it('have each a test that names them', () => {
    expect(codes.filter((code) => !tests.includes(code))).toEqual([]);
  });

  it('explain themselves in sentences, under a title that is none', () => {
    const tables = sources('constructs', 'stacks', 'runtime').filter(({ text }) =>
      text.includes('satisfies ErrorTable'),
    );
    const titles = tables.flatMap(({ text }) => [...text.matchAll(/title: '([^']+)'/g)].map((match) => match[1] ?? ''));
    expect(titles.length).toBeGreaterThanOrEqual(20);
    expect(titles.filter((title) => title.endsWith('.') || /^[A-Z][a-z]+ /.test(title))).toEqual([]);
  });
});
