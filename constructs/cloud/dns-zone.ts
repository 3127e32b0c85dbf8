import type { IBuildingBlock, StatefulProps } from './building-block';

/** Props of a DNS zone with a certificate for everything in it. */
export interface DnsZoneProps extends StatefulProps {
  /** Domain that the zone answers for, e.g. `ml.example.com`. */
  readonly domainName: string;
}

/** A DNS zone and a wildcard certificate that is validated through it. */
export interface IDnsZone extends IBuildingBlock {
  readonly domainName: string;
  /** Name servers to enter at the parent zone. */
  readonly nameServers: readonly string[] | string;
  /** The cloud's reference of the certificate (ARN, name), or the name of the TLS Secret. */
  readonly certificate: string;
}
