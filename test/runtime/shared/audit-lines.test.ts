import fs from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lastLine, wholeLines } from '../../../runtime/shared/audit-lines';
import { temporaryFolder } from '../support/temporary';

const MIB = 2 ** 20;

describe('the lines of a file', () => {
  let dir: string;
  let file: string;

  beforeAll(() => {
    dir = temporaryFolder();
    file = path.join(dir, 'lines');
  });

  afterAll(() => fs.rmSync(dir, { recursive: true }));

  const read = (content: Buffer): { readonly lines: readonly Buffer[]; readonly last: string | undefined } => {
    fs.writeFileSync(file, content);
    const fd = fs.openSync(file, 'r');
    try {
      return { lines: [...wholeLines(fd)], last: lastLine(file) };
    } finally {
      fs.closeSync(fd);
    }
  };

  const expected = (content: Buffer): { readonly lines: readonly string[]; readonly last: string | undefined } => {
    const lines = content.toString().split('\n');
    const isWhole = lines.pop() === '';
    return { lines, last: isWhole ? lines.at(-1) : undefined };
  };

  const agree = (content: Buffer): void => {
    const { lines, last } = read(content);
    expect(lines.map(String)).toEqual(expected(content).lines);
    expect(last).toBe(expected(content).last);
  };

  it('are those that have an end, wherever pieces are cut', () => {
    const length = fc.oneof(fc.nat(5), fc.integer({ min: MIB - 3, max: MIB + 3 }), fc.nat(2 * MIB));
    fc.assert(
      fc.property(fc.array(length, { maxLength: 5 }), fc.boolean(), (lengths, whole) => {
        const text = lengths.map((each, index) => String(index).repeat(each)).join('\n');
        agree(Buffer.from(whole && text !== '' ? `${text}\n` : text));
      }),
      { numRuns: 25 },
    );
  });

  it('keep characters whole that a piece cuts through', () => {
    for (const shift of [0, 1, 2]) agree(Buffer.from(`${'x'.repeat(MIB - shift)}ü€\n${'ü'.repeat(MIB)}\n`));
  });

  it('are refused beyond any length that was written', () => {
    fs.writeFileSync(file, '');
    fs.truncateSync(file, 129 * MIB);
    const fd = fs.openSync(file, 'r+');
    expect(() => [...wholeLines(fd)]).toThrow('a line is longer than 134217728 bytes');
    fs.writeSync(fd, '\n', 129 * MIB - 1);
    expect(() => lastLine(file)).toThrow('a line is longer');
    fs.closeSync(fd);
  });
});
