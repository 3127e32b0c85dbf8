import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { ApiKeySet } from '../../../runtime/shared/api-keys';
import { cli, scratch } from './support';

const read = (cwd: string): string => fs.readFileSync(path.join(cwd, 'keys.json'), 'utf8');

describe('lnmt keys create', () => {
  test('prints the key once and keeps only what the server needs to recognise it', async () => {
    const cwd = scratch();
    const { code, out } = await cli(['keys', 'create', 'team-a'], { cwd });
    const key = out.trim();
    expect(code).toBe(0);
    expect(key).toMatch(/^lnmt_[\w-]{43}$/);
    expect(read(cwd)).not.toContain(key);
    expect(ApiKeySet.parse(read(cwd)).find(key, Date.now())).toMatchObject({
      id: 'team-a',
      scopes: new Set(['infer', 'read']),
    });
    expect(fs.statSync(path.join(cwd, 'keys.json')).mode & 0o777).toBe(0o600);
  });

  test('refuses a folder for the file', async () => {
    const { code, err } = await cli(['keys', 'create', 'a', '--file', scratch()]);
    expect([code, err]).toEqual([2, expect.stringContaining('--file names no place for a file: it is a folder')]);
  });

  test('adds to the file and leaves the other keys as they are', async () => {
    const cwd = scratch();
    const first = (await cli(['keys', 'create', 'a'], { cwd })).out.trim();
    const second = JSON.parse((await cli(['keys', 'create', 'b', '--scopes', 'read', '--json'], { cwd })).out) as {
      key: string;
    };
    const keys = ApiKeySet.parse(read(cwd));
    expect(keys.ids).toEqual(['a', 'b']);
    expect(keys.find(first, Date.now())?.id).toBe('a');
    expect(keys.find(second.key, Date.now())?.scopes).toEqual(new Set(['read']));
  });

  test('makes keys that end after a number of days or at a time', async () => {
    const cwd = scratch();
    const key = (await cli(['keys', 'create', 'a', '--expires', '30d'], { cwd })).out.trim();
    const day = 86_400_000;
    const keys = ApiKeySet.parse(read(cwd));
    expect(keys.find(key, Date.now() + 29 * day)?.id).toBe('a');
    expect(keys.find(key, Date.now() + 31 * day)).toBeUndefined();
    expect((await cli(['keys', 'create', 'b', '--expires', '2999-01-01'], { cwd })).code).toBe(0);
  });

  test.each([
    [['keys', 'create', 'a b'], 'LNMT6025'],
    [['keys', 'create', 'a', '--scopes', 'infer,rule'], 'LNMT6001'],
    [['keys', 'create', 'a', '--expires', 'soon'], 'LNMT6001'],
    [['keys', 'create', 'a', '--expires', '2001-01-01'], 'LNMT6001'],
  ])('refuses %j and writes nothing', async (argv, expected) => {
    const cwd = scratch();
    const { code, err, out } = await cli(argv, { cwd });
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain(`error ${expected}`);
    expect(fs.readdirSync(cwd)).toEqual([]);
  });

  test('refuses an id that is taken, and a file that is no key file, and loses nothing', async () => {
    const cwd = scratch();
    await cli(['keys', 'create', 'a'], { cwd });
    const before = read(cwd);
    expect((await cli(['keys', 'create', 'a'], { cwd })).err).toContain('error LNMT6017');
    expect(read(cwd)).toBe(before);
    fs.writeFileSync(path.join(cwd, 'keys.json'), '{"keys": [{}]}');
    expect((await cli(['keys', 'create', 'b'], { cwd })).err).toContain('error LNMT6006');
    expect(read(cwd)).toBe('{"keys": [{}]}');
  });
});
