import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { allErrors } from '../../../runtime/cli/error-tables';
import { cli, ROOT } from './support';

/** Codes that are defined anywhere in the sources: rows of tables that are declared as such. */
function definedCodes(): Map<string, string> {
  const codes = new Map<string, string>();
  for (const folder of ['constructs', 'stacks', 'runtime']) {
    for (const entry of fs.readdirSync(path.join(ROOT, folder), { recursive: true, encoding: 'utf8' })) {
      if (!entry.endsWith('.ts') || entry.includes('node_modules') || entry.includes('dist/')) continue;
      const text = fs.readFileSync(path.join(ROOT, folder, entry), 'utf8');
      for (const match of text.matchAll(/^ {2}(LNMT\d{4}): \{$/gm)) {
        const code = match[1] ?? '';
        expect(codes.get(code) ?? entry, `${code} is defined in ${entry} and`).toBe(entry);
        codes.set(code, entry);
      }
    }
  }
  return codes;
}

describe('lnmt explain', () => {
  test('explains every code that any table of the sources defines', () => {
    const defined = [...definedCodes().keys()].sort();
    expect(defined.length).toBeGreaterThan(80);
    expect([...allErrors().keys()]).toEqual(defined);
  });

  test('gives each code a title and sentences', () => {
    for (const { code, title, explanation } of allErrors().values()) {
      expect(title, code).toMatch(/^[a-zA-Z].*[^.]$/);
      expect(explanation, code).toMatch(/\.$/);
    }
  });

  test('prints title, origin and explanation, whatever way the code is written', async () => {
    const { code, out } = await cli(['explain', 'LNMT1009']);
    expect(code).toBe(0);
    expect(out).toContain('LNMT1009: the pool cannot hold the replicas\nraised by descriptions\n');
    for (const spelling of ['1009', 'lnmt1009', 'LNMT-1009']) expect((await cli(['explain', spelling])).out).toBe(out);
  });

  test('prints JSON for programs', async () => {
    const { out } = await cli(['explain', 'LNMT8001', '--json']);
    expect(JSON.parse(out)).toMatchObject({ code: 'LNMT8001', origin: 'servers' });
  });

  test('lists all codes when none is named', async () => {
    const { out } = await cli(['explain']);
    expect(out.trimEnd().split('\n')).toHaveLength(allErrors().size + 1);
  });

  test('refuses an unknown code and lists those that look like it', async () => {
    const { code, err } = await cli(['explain', 'LNMT1O09']);
    expect(code).toBe(2);
    expect(err).toContain('error LNMT6018: the code is not known');
    expect(err).toMatch(/allowed: .*LNMT1009/);
  });
});
