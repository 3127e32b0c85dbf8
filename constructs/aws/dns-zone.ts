import { AcmCertificate } from '@cdktf/provider-aws/lib/acm-certificate';
import { AcmCertificateValidation } from '@cdktf/provider-aws/lib/acm-certificate-validation';
import { Route53Record } from '@cdktf/provider-aws/lib/route53-record';
import { Route53Zone as Route53ZoneResource } from '@cdktf/provider-aws/lib/route53-zone';
import { Fn } from 'cdktf';
import type { IConstruct } from 'constructs';
import { Construct } from 'constructs';
import { literal } from '../checks';
import type { DnsZoneProps, IDnsZone } from '../cloud/dns-zone';
import { NO_PARTS } from '../cloud/kubernetes-parts';
import { stateful } from '../stateful';
import { expectArn } from './arn';
import { AWS, brand, expectBrand } from './context';
import type { AwsContext } from './context';
import { signZone } from './dns-signing';
import { unusableDomain } from './errors-data';
import { addQueryLog } from './query-log';

const BRAND = Symbol.for('lnmt/aws/dns-zone');
const DOMAIN = /^(?=.{1,253}$)([a-z0-9_]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])$/;
const VALIDATION_TTL_SECONDS = 300;

/** A zone of Route 53, with what other blocks of AWS need to know of it. */
export interface IRoute53Zone extends IDnsZone {
  /** Id of the hosted zone; may be a token. */
  readonly zoneId: string;
}

/** What `Route53Zone.fromZone` needs to know. */
export interface ExistingZone {
  readonly domainName: string;
  /** Id of the hosted zone; may be a token. */
  readonly zoneId: string;
  /** ARN of the certificate of the domain and of everything in it; may be a token. */
  readonly certificateArn: string;
  /** @default [] */
  readonly nameServers?: readonly string[];
}

/** Props of a zone on AWS. */
export interface Route53ZoneProps extends DnsZoneProps, AwsContext {
  /**
   * Sign the zone. Its DS record has to be entered at the parent zone, and removed there before the zone goes. @default false
   */
  readonly dnssec?: boolean;
  /** Log the queries. @default true */
  readonly queryLog?: boolean;
  /**
   * Wait until the certificate is issued, which needs the name servers of the zone to be entered at the parent zone first.
   *
   * @default false
   */
  readonly waitForCertificate?: boolean;
}

/**
 * A public hosted zone with a certificate for the domain and everything in it, validated through the zone, and a log of its
 * queries.
 *
 * @see https://docs.aws.amazon.com/acm/latest/userguide/dns-validation.html
 */
export class Route53Zone extends Construct implements IRoute53Zone {
  /** Adopts a zone and its certificate. @throws LNMT2100 for what is not an ARN of ACM, LNMT2105 for a malformed domain */
  static fromZone(scope: Construct, id: string, existing: ExistingZone): IRoute53Zone {
    return new ImportedZone(scope, id, existing);
  }

  /** Narrows a neutral zone. @throws LNMT1008 for another cloud's, LNMT2003 for one that is not of this folder */
  static expect(scope: IConstruct, zone: IDnsZone, property = 'dnsZone'): IRoute53Zone {
    return expectBrand<IRoute53Zone & Construct>(scope, property, zone, BRAND, 'Route53Zone');
  }

  readonly cloud = AWS;
  readonly kubernetes = NO_PARTS;
  readonly domainName: string;
  readonly zoneId: string;
  readonly nameServers: readonly string[] | string;
  readonly certificate: string;

  /** @throws LNMT2105 for a malformed domain, LNMT1004 for a token */
  constructor(scope: Construct, id: string, props: Route53ZoneProps) {
    super(scope, id);
    brand(this, BRAND);
    const onRemoval = props.onRemoval ?? 'retain';
    this.domainName = checkedDomain(this, props.domainName);
    const zone = new Route53ZoneResource(this, 'Resource', {
      name: this.domainName,
      comment: `Managed by LNMT for ${props.naming.join('/')}`,
      forceDestroy: onRemoval === 'destroy',
    });
    stateful(zone, props.naming, onRemoval);
    this.zoneId = zone.zoneId;
    this.nameServers = Fn.join(' ', zone.nameServers);
    this.certificate = this.issueCertificate(props.waitForCertificate ?? false);
    if (props.queryLog ?? true) addQueryLog(this, { ...props, zoneId: this.zoneId });
    if (props.dnssec ?? false) signZone(this, { ...props, onRemoval, zoneId: this.zoneId });
  }

  private issueCertificate(wait: boolean): string {
    const certificate = new AcmCertificate(this, 'Certificate', {
      domainName: this.domainName,
      subjectAlternativeNames: [`*.${this.domainName}`],
      validationMethod: 'DNS',
      lifecycle: { createBeforeDestroy: true },
    });
    // The domain and its wildcard are validated by one and the same record.
    const option = certificate.domainValidationOptions.get(0);
    const record = new Route53Record(this, 'CertificateValidation', {
      zoneId: this.zoneId,
      name: option.resourceRecordName,
      type: option.resourceRecordType,
      records: [option.resourceRecordValue],
      ttl: VALIDATION_TTL_SECONDS,
      allowOverwrite: true,
    });
    if (!wait) return certificate.arn;
    return new AcmCertificateValidation(this, 'Issued', {
      certificateArn: certificate.arn,
      validationRecordFqdns: [record.fqdn],
    }).certificateArn;
  }
}

class ImportedZone extends Construct implements IRoute53Zone {
  readonly cloud = AWS;
  readonly kubernetes = NO_PARTS;
  readonly domainName: string;
  readonly zoneId: string;
  readonly nameServers: readonly string[];
  readonly certificate: string;

  constructor(scope: Construct, id: string, existing: ExistingZone) {
    super(scope, id);
    brand(this, BRAND);
    this.domainName = checkedDomain(this, existing.domainName);
    this.zoneId = existing.zoneId;
    this.nameServers = existing.nameServers ?? [];
    this.certificate = expectArn(this, 'certificateArn', existing.certificateArn, 'acm');
  }
}

function checkedDomain(scope: IConstruct, name: string): string {
  if (!DOMAIN.test(literal(scope, 'domainName', name))) throw unusableDomain(scope, name);
  return name;
}
