import { isIP } from 'node:net';

/** Bytes of an IPv4 address in one of IPv6. */
type Places = readonly [number, number, number, number];

/** Addresses of IPv6 that lead to one of IPv4. */
interface Form {
  /** First bytes of it. */
  readonly prefix: readonly number[];
  /** Where the address of IPv4 may stand. */
  readonly at: readonly Places[];
  /** True where its bits are turned over. @default false */
  readonly inverted?: boolean;
}

const ZEROS = (count: number): readonly number[] => new Array<number>(count).fill(0);
const LAST: Places = [12, 13, 14, 15];
const NAT64 = [0x00, 0x64, 0xff, 0x9b] as const;

/** @see https://www.rfc-editor.org/rfc/rfc6052#section-2.2 for the places behind prefixes of other lengths */
const FORMS: readonly Form[] = [
  // IPv4-compatible, ::a.b.c.d; `::` and `::1` are of this form, too.
  { prefix: ZEROS(12), at: [LAST] },
  // IPv4-mapped, ::ffff:a.b.c.d
  { prefix: [...ZEROS(10), 0xff, 0xff], at: [LAST] },
  // IPv4-translated, ::ffff:0:a.b.c.d
  { prefix: [...ZEROS(8), 0xff, 0xff, 0, 0], at: [LAST] },
  // NAT64, 64:ff9b::/96
  { prefix: [...NAT64, ...ZEROS(8)], at: [LAST] },
  // NAT64 of a network of one's own, 64:ff9b:1::/48, with whatever length the network has chosen.
  {
    prefix: [...NAT64, 0, 1],
    at: [[6, 7, 9, 10], [7, 9, 10, 11], [9, 10, 11, 12], LAST],
  },
  // 6to4, 2002::/16
  { prefix: [0x20, 0x02], at: [[2, 3, 4, 5]] },
  // Teredo, 2001::/32: the server, and the client behind it.
  { prefix: [0x20, 0x01, 0, 0], at: [[4, 5, 6, 7]] },
  { prefix: [0x20, 0x01, 0, 0], at: [LAST], inverted: true },
];

/** The 16 bytes of an address of IPv6. */
function bytesOf(address: string): readonly number[] {
  // A URL writes it in one way: numbers in hexadecimal, at most one gap.
  const text = new URL(`http://[${address}]/`).hostname.slice(1, -1);
  const [before = '', after] = text.split('::');
  const words = (part: string): readonly string[] => (part === '' ? [] : part.split(':'));
  const [head, tail] = [words(before), words(after ?? '')];
  const gap = new Array<string>(8 - head.length - tail.length).fill('0');
  return [...head, ...gap, ...tail].flatMap((word) => {
    const value = Number.parseInt(word, 16);
    return [value >> 8, value & 0xff];
  });
}

/** The addresses of IPv4 that one of IPv6 may lead to through gateways and tunnels; none for what leads to itself. */
export function embeddedIn(address: string): readonly string[] {
  if (isIP(address) !== 6) return [];
  const bytes = bytesOf(address);
  return FORMS.filter(({ prefix }) => prefix.every((byte, at) => bytes[at] === byte)).flatMap(({ at, inverted }) =>
    at.map((places) => places.map((place) => (bytes[place] ?? 0) ^ (inverted === true ? 0xff : 0)).join('.')),
  );
}
