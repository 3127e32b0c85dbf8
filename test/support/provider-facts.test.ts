import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { ProviderFacts } from './provider-facts';
import type { TerraformDocument } from './terraform-json';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'lnmt-facts-'));
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

// The shape of the published facts, with one made-up provider.
const schema = {
  provider: { a: { region: ['string', 'o'], kubernetes: [{ nested: 'single', a: { host: ['string', 'o'] } }, 'o'] } },
  data: { cloud_zone: { a: { name: ['string', 'r'] } } },
  resource: {
    cloud_disk: {
      a: {
        name: ['string', 'r'],
        size: ['number', 'o'],
        fast: ['bool', 'o'],
        tags: [['map', 'string'], 'o'],
        hosts: [['set', 'string'], 'o'],
        pairs: [['list', ['object', { key: 'string' }]], 'o'],
        arn: ['string', 'c'],
        prefix: ['string', 'o'],
        policy: ['string', 'o'],
      },
      b: { mount: { a: { path: ['string', 'r'] }, m: 'list', min: 1, max: 2 } },
    },
  },
};
const rules = {
  cloud_disk: {
    name: { pattern: ['^[a-z]+$'], maxLength: 6, conflictsWith: ['prefix'] },
    size: { min: 1, max: 64 },
    'mount.path': { oneOf: ['/a', '/b'] },
    policy: { format: 'json' },
    prefix: { deprecated: true },
    '': { exactlyOneOf: [['fast', 'size']] },
  },
};
fs.writeFileSync(path.join(folder, 'cloud.schema.json'), JSON.stringify(schema));
fs.writeFileSync(path.join(folder, 'cloud.rules.json'), JSON.stringify(rules));
const facts = new ProviderFacts(folder);

const good = {
  name: 'disk',
  size: 8,
  tags: { a: 'b' },
  hosts: ['x'],
  pairs: [{ key: 'a' }],
  policy: '{}',
  mount: { path: '/a' },
};
const judge = (body: object, more: object = {}): string[] =>
  facts
    .check(JSON.parse(JSON.stringify({ resource: { cloud_disk: { it: body } }, ...more })) as TerraformDocument)
    .map((finding) => `${finding.level} ${finding.at} ${finding.text}${finding.declaration ? ' (declaration)' : ''}`);

describe('the check against what providers declare and refuse', () => {
  test('accepts a correct document, expressions included, and leaves other providers alone', () => {
    expect(
      judge(
        { ...good, size: '${var.size}', mount: [{ path: '${var.path}' }, { path: '/b' }] },
        { provider: { other: [{ x: 1 }] } },
      ),
    ).toEqual([]);
  });

  test.each([
    ['an unknown argument', { ...good, sise: 1 }, 'error cloud_disk.it.sise unknown argument (declaration)'],
    ['a missing argument', { mount: { path: '/a' } }, 'error cloud_disk.it misses name (declaration)'],
    ['a missing block', { name: 'a' }, 'error cloud_disk.it misses block mount (declaration)'],
    [
      'a computed argument',
      { ...good, arn: 'x' },
      'error cloud_disk.it.arn is computed and cannot be set (declaration)',
    ],
    ['a wrong number', { ...good, size: 'big' }, 'error cloud_disk.it.size "big" is not a number'],
    ['a wrong map', { ...good, tags: ['a'] }, 'error cloud_disk.it.tags ["a"] is not a map'],
    ['a wrong list', { ...good, hosts: 'a' }, 'error cloud_disk.it.hosts "a" is not a list'],
    [
      'a wrong object in a list',
      { ...good, pairs: [{ kay: 'a' }] },
      'error cloud_disk.it.pairs.0.kay unknown argument (declaration)',
    ],
    [
      'too many blocks',
      { ...good, mount: [1, 2, 3].map(() => ({ path: '/a' })) },
      'error cloud_disk.it.mount takes at most 2 block(s), has 3',
    ],
    [
      'a value that is not allowed',
      { ...good, mount: { path: '/c' } },
      'error cloud_disk.it.mount.0.path "/c" is not one of /a, /b',
    ],
    ['a value above the range', { ...good, size: 65 }, 'error cloud_disk.it.size 65 is above 64'],
    ['a value below the range', { ...good, size: 0 }, 'error cloud_disk.it.size 0 is below 1'],
    ['a name that is too long', { ...good, name: 'diskdisk' }, 'error cloud_disk.it.name is longer than 6'],
    ['a name of other characters', { ...good, name: 'D' }, 'error cloud_disk.it.name "D" does not match ^[a-z]+$'],
    ['JSON that is none', { ...good, policy: '{' }, 'error cloud_disk.it.policy "{" is not json'],
    ['a conflict', { ...good, prefix: 'a' }, 'error cloud_disk.it.name conflicts with prefix'],
    [
      'two of which one is allowed',
      { ...good, fast: true },
      'error cloud_disk.it takes only one of fast, size, has fast, size',
    ],
  ])('refuses %s', (_, body, finding) => {
    expect(judge(body)).toContain(finding);
  });

  test('warns of what is deprecated', () => {
    expect(judge({ ...good, prefix: 'a' })).toContain('warning cloud_disk.it.prefix deprecated');
  });

  test('refuses a list where the provider block nests one object', () => {
    const provider = { cloud: [{ alias: 'b', region: 'x', kubernetes: [{ host: 'a' }] }] };
    expect(judge(good, { provider })).toEqual(['error provider.cloud[0].kubernetes is one object here, not a list']);
  });
});
