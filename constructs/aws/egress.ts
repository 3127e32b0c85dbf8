import type { EgressRule } from '../cloud/egress';

/** Link-local address of the Pod Identity agent on every node. @see https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html */
const POD_IDENTITY_AGENT = '169.254.170.23/32';

/**
 * The internet without the private ranges. S3 has no fixed ranges, its gateway endpoint keeps their public addresses, and a
 * NetworkPolicy knows neither names nor prefix lists: TLS to any public address is the narrowest rule that works.
 */
export const PUBLIC_RANGES = complementOf([
  [0, 8], // "this network"
  [0x0a000000, 8],
  [0x64400000, 10], // carrier-grade NAT, which VPCs use for pods
  [0x7f000000, 8],
  [0xa9fe0000, 16], // link-local: the instance metadata service among others
  [0xac100000, 12],
  [0xc0a80000, 16],
  [0xe0000000, 3], // multicast and reserved
]);

const PRIVATE_RANGES = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'];

/** What pods with a workload identity reach on AWS: the agent that hands out credentials, and the APIs of the services. */
export const AWS_EGRESS: readonly EgressRule[] = [
  {
    description: 'credentials of the pod, from the EKS Pod Identity agent on its node',
    cidrs: [POD_IDENTITY_AGENT],
    ports: [{ port: 80, protocol: 'TCP' }],
  },
  {
    description: 'AWS APIs through the private endpoints of the network',
    cidrs: PRIVATE_RANGES,
    ports: [{ port: 443, protocol: 'TCP' }],
  },
  {
    description: 'Amazon S3 and DynamoDB, whose gateway endpoints keep public addresses',
    cidrs: PUBLIC_RANGES,
    ports: [{ port: 443, protocol: 'TCP' }],
  },
];

function complementOf(excluded: readonly (readonly [address: number, prefix: number])[]): string[] {
  const ranges: string[] = [];
  let next = 0;
  const sorted = [...excluded].sort(([a], [b]) => a - b);
  for (const [start, prefix] of sorted) {
    ranges.push(...cover(next, start));
    next = start + 2 ** (32 - prefix);
  }
  return [...ranges, ...cover(next, 2 ** 32)];
}

// Aligned blocks, largest first, from `start` up to and without `end`.
function cover(start: number, end: number): string[] {
  const blocks: string[] = [];
  let at = start;
  while (at < end) {
    let prefix = 32;
    while (prefix > 0 && at % 2 ** (33 - prefix) === 0 && at + 2 ** (33 - prefix) <= end) prefix -= 1;
    const octets = [24, 16, 8, 0].map((shift) => Math.floor(at / 2 ** shift) % 256);
    blocks.push(`${octets.join('.')}/${prefix}`);
    at += 2 ** (32 - prefix);
  }
  return blocks;
}
