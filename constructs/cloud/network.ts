import type { IBuildingBlock } from './building-block';

/** Options of a network that users choose. */
export interface NetworkOptions {
  /** Private IPv4 range of the whole network, /16 to /20. @default '10.0.0.0/16' */
  readonly cidr?: string;
  /** Number of zones, 2 to 3. @default - 3, or as many as the region has */
  readonly zones?: number;
  /** One NAT gateway a zone survives the loss of a zone; a single one costs less. @default 'per-zone' */
  readonly natGateways?: 'per-zone' | 'single';
  /** Days that flow logs are kept. @default 365 */
  readonly flowLogRetentionDays?: number;
}

/** Props of a network. */
export interface NetworkProps extends NetworkOptions {
  /** From the general to the particular, e.g. `['ml']`. */
  readonly naming: readonly string[];
}

/** A private network in several zones: private subnets for nodes and data, egress through NAT, flow logs, private endpoints. */
export interface INetwork extends IBuildingBlock {
  /** IPv4 range of the whole network. */
  readonly cidr: string;
}
