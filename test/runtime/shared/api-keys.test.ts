import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { API_KEYS_FILE } from '../../../runtime/contract';
import { ApiKeyFile } from '../../../runtime/shared/api-key-file';
import { ApiKeySet } from '../../../runtime/shared/api-keys';
import { keyFile, mountKeys, sha256, temporaryFolder } from '../support/temporary';

const NOW = Date.parse('2026-06-01T00:00:00Z');
const entry = { id: 'a', sha256: sha256('secret'), scopes: ['infer'] };

describe('a set of API keys', () => {
  it('knows the holder of a key and nobody else', () => {
    const keys = ApiKeySet.parse(
      keyFile([
        { id: 'a', key: 'one', scopes: ['infer'] },
        { id: 'b', key: 'two', scopes: ['read', 'manage'] },
      ]),
    );
    expect(keys.find('one', NOW)?.id).toBe('a');
    expect([...(keys.find('two', NOW)?.scopes ?? [])]).toEqual(['read', 'manage']);
    expect(keys.find('three', NOW)).toBeUndefined();
    expect(keys.find(sha256('one'), NOW)).toBeUndefined();
  });

  it.each([
    ...['2026-06-01T00:00:00Z', '2026-06-01T00:00Z', '2026-06-01T02:00:00.000+02:00', '2026-05-31T19:00:00-05:00'],
    new Date(NOW).toISOString(),
  ])('lets a key pass until the moment at which it expires: %s', (expires) => {
    const keys = ApiKeySet.parse(keyFile([{ id: 'a', key: 'one', scopes: ['infer'], expires }]));
    expect(keys.find('one', NOW - 1)?.id).toBe('a');
    expect(keys.find('one', NOW)).toBeUndefined();
  });

  it.each<[string, string, string]>([
    ['text that is not JSON', '{', 'it is not JSON'],
    ['a document that is not an object', '[]', 'the document is not an object'],
    ['a document without keys', '{}', 'keys is not a list'],
    ['an entry that is not an object', '{"keys":[1]}', 'keys[0] is not an object'],
    ['an odd id', JSON.stringify({ keys: [{ ...entry, id: 'a b' }] }), 'keys[0].id does not match'],
    [
      'a digest that is none',
      JSON.stringify({ keys: [{ ...entry, sha256: 'abc' }] }),
      'keys[0].sha256 is not a SHA-256',
    ],
    ['an unknown scope', JSON.stringify({ keys: [{ ...entry, scopes: ['root'] }] }), 'scopes is not a list of infer'],
    ['an entry without scopes', JSON.stringify({ keys: [{ ...entry, scopes: [] }] }), 'scopes is not a list of infer'],
    ...[
      ...['soon', '1', '2030', '2030-01-31', '2030-01-31T00:00:00', 'Jan 31 2030', '2030-02-30T00:00:00Z'],
      ...['2030-01-31T00:00:00+0100', '2030-01-31T25:00:00Z', 1_900_000_000_000, null],
    ].map((expires): [string, string, string] => [
      `the expiry ${JSON.stringify(expires)}`,
      JSON.stringify({ keys: [{ ...entry, expires }] }),
      'keys[0].expires is not an ISO 8601 time with a zone',
    ]),
    [
      'a misspelled member',
      JSON.stringify({ keys: [{ ...entry, expire: '2030-01-31T00:00:00Z' }] }),
      'keys[0] has a member that is not one of id, sha256, scopes, expires, limits',
    ],
    ['two entries of one id', JSON.stringify({ keys: [entry, entry] }), 'two entries have the same id'],
  ])('refuses %s, naming the place and no digest', (_title, text, message) => {
    expect(() => ApiKeySet.parse(text)).toThrow(message);
    expect(() => ApiKeySet.parse(text)).not.toThrow(entry.sha256);
  });
});

describe('a mounted key file', () => {
  const log = { info: vi.fn(), error: vi.fn() };
  let dir: string;
  let keys: ApiKeyFile | undefined;

  beforeEach(() => {
    dir = temporaryFolder();
    mountKeys(dir, keyFile([{ id: 'a', key: 'one', scopes: ['infer'] }]), 1);
    keys = new ApiKeyFile(dir, log);
  });

  afterEach(() => {
    keys?.close();
    fs.rmSync(dir, { recursive: true });
  });

  it('is followed when Kubernetes swaps the folder behind its link', async () => {
    expect(keys?.find('one', NOW)?.id).toBe('a');
    mountKeys(dir, keyFile([{ id: 'b', key: 'two', scopes: ['infer'] }]), 2);
    await vi.waitFor(() => expect(keys?.find('two', NOW)?.id).toBe('b'), { timeout: 20_000 });
    expect(keys?.find('one', NOW)).toBeUndefined();
  });

  it('keeps the last good keys while the file is broken or gone, and says so', async () => {
    mountKeys(dir, '{"keys": [', 2);
    await vi.waitFor(() => expect(log.error).toHaveBeenCalled(), { timeout: 20_000 });
    expect(keys?.find('one', NOW)?.id).toBe('a');
    fs.rmSync(path.join(dir, API_KEYS_FILE));
    await vi.waitFor(() => expect(log.error.mock.calls.length).toBeGreaterThan(1), { timeout: 20_000 });
    expect([keys?.find('one', NOW)?.id, keys?.refused]).toEqual(['a', true]);
    mountKeys(dir, keyFile([{ id: 'b', key: 'two', scopes: ['infer'] }]), 3);
    await vi.waitFor(() => expect(keys?.find('two', NOW)?.id).toBe('b'), { timeout: 20_000 });
    expect(keys?.refused).toBe(false);
  });

  it('refuses nothing any more once a file that could not be looked at is there again, unchanged', async () => {
    const { statSync } = fs;
    const looking = vi.spyOn(fs, 'statSync').mockImplementation((...what: Parameters<typeof statSync>) => {
      if (!String(what[0]).startsWith(dir)) return statSync(...what);
      throw Object.assign(new Error('input or output error'), { code: 'EIO' });
    });
    await vi.waitFor(() => expect(keys?.refused).toBe(true), { timeout: 20_000 });
    looking.mockRestore();
    await vi.waitFor(() => expect(keys?.refused).toBe(false), { timeout: 20_000 });
    expect(keys?.find('one', NOW)?.id).toBe('a');
  });

  it('does not keep a key that was withdrawn because one reading of the file failed', async () => {
    log.error.mockClear();
    const { readFileSync } = fs;
    let fails = 1;
    const reading = vi.spyOn(fs, 'readFileSync').mockImplementation((...what: Parameters<typeof readFileSync>) => {
      // Others read files too, and key files of their own among them.
      if (!String(what[0]).startsWith(dir) || fails-- <= 0) return readFileSync(...what);
      throw Object.assign(new Error('too many open files'), { code: 'EMFILE' });
    });
    mountKeys(dir, keyFile([{ id: 'b', key: 'two', scopes: ['infer'] }]), 2);
    await vi.waitFor(() => expect(keys?.find('one', NOW)).toBeUndefined(), { timeout: 20_000 });
    reading.mockRestore();
    expect(log.error).toHaveBeenCalledOnce();
    expect(keys?.find('two', NOW)?.id).toBe('b');
  });

  it('refuses to begin without a file', () => {
    expect(() => new ApiKeyFile(path.join(dir, 'nowhere'), log)).toThrow('keys.json cannot be read (ENOENT)');
  });
});
