import { X509Certificate } from 'node:crypto';
import type { PeerCertificate } from 'node:tls';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { alternativeNames } from '../../../runtime/shared/alternative-names';
import { certificateName } from '../../../runtime/shared/client-certificates';
import { TestAuthority } from '../support/certificates';

const authority = new TestAuthority('names');
const ROBOT = 'spiffe://test/ns/ml/sa/robot';

/** A certificate as a TLS connection hands it over. */
const peer = (name: string, names: readonly string[]): PeerCertificate =>
  new X509Certificate(authority.issue(name, names).cert).toLegacyObject();

const written = (subjectaltname: string, CN = 'common'): PeerCertificate =>
  ({ subject: { CN }, subjectaltname }) as unknown as PeerCertificate;

describe('the name of a certificate', () => {
  it('is its first URI, else its first DNS name, else its common name', () => {
    expect(certificateName(peer('a', ['DNS:b.test', `URI:${ROBOT}`, 'URI:urn:other']))).toBe(ROBOT);
    expect(certificateName(peer('a', ['IP:127.0.0.1', 'DNS:b.test', 'DNS:c.test']))).toBe('b.test');
    expect(certificateName(peer('a', []))).toBe('a');
  });

  it.each([
    [`DNS:x, URI:${ROBOT}, y`],
    [`DNS:x", URI:${ROBOT}, DNS:"y`],
    [`DNS:x\\", URI:${ROBOT}, DNS:\\"y`],
    [`DNS:"x", URI:${ROBOT}`],
    [`DNS:x\\u0022, URI:${ROBOT}`],
    [`DNS:x, URI:${ROBOT}\0, y`],
    [`DNS:x\n, URI:${ROBOT}`],
  ])('is never a part of another name: %j', (name) => {
    expect(certificateName(peer('mallory', [name]))).not.toBe(ROBOT);
    expect(certificateName(peer('mallory', [name]))).not.toBe('mallory');
    expect(certificateName(peer('mallory', ['DNS:ok.test', name]))).toBe('ok.test');
  });

  it.each([
    `DNS:"x, URI:${ROBOT}, y"`,
    `DNS:"x\\u002c URI:${ROBOT}\\u002c y"`,
    `DNS:"x\\", URI:${ROBOT}"`,
    `othername:"UPN:x, URI:${ROBOT}"`,
  ])('is not found inside the quotes of %s, however a version of Node quotes', (text) => {
    expect(certificateName(written(text))).not.toBe(ROBOT);
  });

  it.each([
    'DNS:"x',
    'DNS:x"',
    `DNS:"x"y, URI:${ROBOT}`,
    `x, URI:${ROBOT}`,
    `URI:${ROBOT}, `,
    'DNS:a,URI:b',
    ':a',
    '"a"',
  ])('is none where the text cannot be read: %s', (text) => {
    expect(certificateName(written(text))).toBeUndefined();
  });

  it('is told as it stands in the certificate, quoted or not', () => {
    expect(certificateName(peer('a', ['URI:urn:a,b"c']))).toBe('urn:a,b"c');
  });
});

describe('alternative names', () => {
  const ascii = fc.string({ unit: fc.constantFrom(...`ab:,"'\\ u0{}/\0\n\x7f`), maxLength: 40 });
  const kinds = fc.constantFrom('DNS', 'URI');

  it('are those of the certificate, whatever characters they have', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(kinds, ascii), { minLength: 1, maxLength: 4 }), (names) => {
        const { subjectaltname = '' } = peer(
          'a',
          names.map(([kind, value]) => `${kind}:${value}`),
        );
        expect(alternativeNames(subjectaltname)).toEqual(names.map(([kind, value]) => ({ kind, value })));
      }),
      { numRuns: 150 },
    );
  });

  it('are read or refused, and never more than stand there outside quotes', () => {
    const soup = fc.string({
      unit: fc.constantFrom('DNS:', 'URI:', ', ', '"', '\\', 'u002c', 'a', ' ', ','),
      maxLength: 20,
    });
    fc.assert(
      fc.property(soup, (text) => {
        const names = alternativeNames(text);
        if (names === undefined) return;
        const outside = text.replace(/"(?:[^"\\]|\\.)*"/g, '').split(', ');
        expect(names).toHaveLength(text === '' ? 0 : outside.length);
        expect(names.map(({ kind }) => kind)).toEqual(text === '' ? [] : outside.map((part) => part.split(':', 1)[0]));
      }),
      { numRuns: 2_000 },
    );
  });

  it('of any length are read in time that grows with it', () => {
    const begun = performance.now();
    expect(alternativeNames(`DNS:${'a '.repeat(200_000)}"`)).toBeUndefined();
    expect(alternativeNames(`DNS:"${'\\u002c'.repeat(100_000)}`)).toBeUndefined();
    expect(alternativeNames('a '.repeat(200_000))).toBeUndefined();
    expect(performance.now() - begun).toBeLessThan(1_000);
  });
});
