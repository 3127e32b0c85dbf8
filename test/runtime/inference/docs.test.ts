import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PATHS } from '../../../runtime/contract';
import { testServer } from '../support/server';
import type { TestServer } from '../support/server';

let server: TestServer;
let html = '';
let policy = '';

const between = (tag: string): string => new RegExp(`<${tag}>([\\s\\S]*?)</${tag}>`).exec(html)?.[1] ?? '';
const hash = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

beforeAll(async () => {
  server = await testServer();
  const answer = await server.app.inject({ url: PATHS.docs });
  expect([answer.statusCode, answer.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
  html = answer.body;
  policy = String(answer.headers['content-security-policy']);
});

afterAll(() => server.app.close());

describe('the page of the description', () => {
  it('lets a browser run its one script and its one style, ask this server, and nothing else', () => {
    expect(policy.split('; ')).toEqual([
      "default-src 'none'",
      `script-src ${hash(between('script'))}`,
      `style-src ${hash(between('style'))}`,
      "connect-src 'self'",
      'img-src data:',
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'",
      "trusted-types 'none'",
    ]);
  });

  it('names no other server and no other file than the description', () => {
    const addresses = [...html.matchAll(/(?:src|href|action)="([^"]*)"/g)].map(([, address = '']) => address);
    expect(addresses.filter((each) => !each.startsWith('#') && !each.startsWith('data:'))).toEqual([PATHS.openapi]);
    expect(html.match(/https?:\/\/[^'"\s]+/g)).toEqual(['http://www.w3.org/2000/svg']);
    expect(html).toContain(`data-description="${PATHS.openapi}"`);
  });

  it('makes no markup of data, keeps no key, and has nothing inline that the policy would forbid', () => {
    const script = between('script');
    expect(script.length).toBeGreaterThan(1_000);
    for (const word of ['innerHTML', 'outerHTML', 'insertAdjacentHTML', 'document.write', 'eval(', 'new Function']) {
      expect(script).not.toContain(word);
    }
    for (const word of ['localStorage', 'sessionStorage', 'document.cookie', 'indexedDB']) {
      expect(script).not.toContain(word);
    }
    expect(html.replace(script, '')).not.toMatch(/\son\w+=|\sstyle=|javascript:/);
  });

  it('has a language, a title, and a label for every field', () => {
    expect(html).toContain('<html lang="en">');
    expect(html).toMatch(/<title>[^<]+<\/title>/);
    const fields = [...html.matchAll(/<input id="(\w+)"/g)].map(([, id]) => id);
    expect(fields).toEqual(['key', 'filter']);
    for (const id of fields) expect(html).toContain(`for="${id}"`);
  });

  it('changes the policy of no other answer', async () => {
    const { headers } = await server.app.inject({ url: PATHS.openapi });
    expect(headers['content-security-policy']).toBe("default-src 'none'; frame-ancestors 'none'");
  });
});
