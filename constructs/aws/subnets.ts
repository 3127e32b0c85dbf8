import type { IConstruct } from 'constructs';
import { literal } from '../checks';
import { unusableCidr } from '../errors';

/** IPv4 ranges of a network's subnets, one of each kind a zone. */
export interface SubnetPlan {
  /** For nodes and data: a quarter of the network each. */
  readonly private: readonly string[];
  /** For NAT gateways only. */
  readonly public: readonly string[];
}

const ALLOWED = 'a private IPv4 range (RFC 1918) from /16 to /20, written with its first address, such as 10.0.0.0/16';
const QUARTERS = 4;
const LARGEST = 16;
const SMALLEST = 20;

/**
 * Divides a network. It is always cut into quarters: three for the private subnets of up to three zones, the last one for the
 * small public subnets, so that a third zone can be added later without renumbering. Pure.
 *
 * @throws LNMT1004 for a token; LNMT1014 for a range that is malformed, not private, or not /16 to /20
 */
export function planSubnets(cidr: string, zones: number, scope?: IConstruct): SubnetPlan {
  const { address, prefix } = parse(cidr, scope);
  const quarter = 2 ** (32 - prefix) / QUARTERS;
  // AWS accepts no subnet smaller than /28; a /16 gives /24.
  const publicPrefix = Math.min(28, prefix + 8);
  const publicSize = 2 ** (32 - publicPrefix);
  const indexes = Array.from({ length: zones }, (_, zone) => zone);
  return {
    private: indexes.map((zone) => format(address + zone * quarter, prefix + 2)),
    public: indexes.map((zone) => format(address + (QUARTERS - 1) * quarter + zone * publicSize, publicPrefix)),
  };
}

function parse(cidr: string, scope: IConstruct | undefined): { address: number; prefix: number } {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(literal(scope, 'cidr', cidr));
  const numbers = match?.slice(1).map(Number) ?? [];
  const [a = 0, b = 0, c = 0, d = 0, prefix = 0] = numbers;
  const address = a * 2 ** 24 + b * 2 ** 16 + c * 2 ** 8 + d;
  const usable =
    match !== null &&
    [a, b, c, d].every((octet) => octet <= 255) &&
    prefix >= LARGEST &&
    prefix <= SMALLEST &&
    address % 2 ** (32 - prefix) === 0 &&
    isPrivate(a, b);
  if (!usable) throw unusableCidr(scope, 'cidr', cidr, ALLOWED);
  return { address, prefix };
}

function isPrivate(a: number, b: number): boolean {
  return a === 10 || (a === 172 && b >= 16 && b <= 31) || (a === 192 && b === 168);
}

function format(address: number, prefix: number): string {
  const octets = [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256);
  return `${octets.join('.')}/${prefix}`;
}
