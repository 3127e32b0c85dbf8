import type { EgressRule } from '../cloud/egress';
import { serverUrl } from './server-url';

/** Options of {@link OnPremObjectStorage.s3}. */
export interface S3CompatibleOptions {
  /** URL of the server, e.g. `https://s3.example.com:9000`. */
  readonly endpoint: string;
  /** Bucket that exists; every store is a folder in it. Versioning and encryption are its own. */
  readonly bucket: string;
  /** @default 'us-east-1', which servers without regions expect */
  readonly region?: string;
  /**
   * Parts of the name of the secret that holds the credentials, in the fields `AWS_ACCESS_KEY_ID` and
   * `AWS_SECRET_ACCESS_KEY`, e.g. `['ml', 's3']`.
   */
  readonly credentialsSecret: readonly string[];
  /** IPv4 ranges that the server answers from. @default - the network of the nodes */
  readonly cidrs?: readonly string[];
}

/** Options of {@link OnPremObjectStorage.bucketClaim}. */
export interface BucketClaimOptions {
  /** StorageClass of the bucket provisioner. */
  readonly storageClass: string;
  /** URL of the gateway inside the cluster, e.g. `http://rook-ceph-rgw-store.rook-ceph.svc`. */
  readonly endpoint: string;
  /** Namespace of the gateway. @default 'rook-ceph' */
  readonly namespace?: string;
  /** Port that the gateway's pods listen on; policies see this one and not the Service's. @default 8080 */
  readonly podPort?: number;
}

/** Where objects are kept. */
export class OnPremObjectStorage {
  /** A server that speaks S3 (Ceph, MinIO, StorageGRID …). @throws LNMT2305 when `endpoint` is no URL */
  static s3(options: S3CompatibleOptions): OnPremObjectStorage {
    const { origin, port } = serverUrl('OnPremObjectStorage.s3 endpoint', options.endpoint);
    return new OnPremObjectStorage({
      endpoint: origin,
      region: options.region ?? 'us-east-1',
      bucket: options.bucket,
      credentialsSecret: options.credentialsSecret,
      egress: (cidr) => [
        {
          description: `S3-compatible store at ${origin}`,
          cidrs: options.cidrs ?? [cidr],
          ports: [{ port, protocol: 'TCP' }],
        },
      ],
    });
  }

  /**
   * Buckets that a provisioner in the cluster makes on request, e.g. Rook. Needs `OnPremSecrets.kubernetes()`.
   *
   * @see https://rook.io/docs/rook/latest-release/Storage-Configuration/Object-Storage-RGW/ceph-object-bucket-claim/
   * @throws LNMT2305 when `endpoint` is no URL
   */
  static bucketClaim(options: BucketClaimOptions): OnPremObjectStorage {
    const { origin } = serverUrl('OnPremObjectStorage.bucketClaim endpoint', options.endpoint);
    const { namespace = 'rook-ceph', podPort = 8080 } = options;
    return new OnPremObjectStorage({
      endpoint: origin,
      region: 'us-east-1',
      claimStorageClass: options.storageClass,
      egress: () => [
        {
          description: `object gateway in ${namespace}`,
          namespace: { name: namespace },
          ports: [{ port: podPort, protocol: 'TCP' }],
        },
      ],
    });
  }

  private constructor(
    /** What the two have in common; `bucket` and `credentialsSecret`, or `claimStorageClass`, are present. */
    readonly settings: {
      readonly endpoint: string;
      readonly region: string;
      readonly bucket?: string;
      readonly credentialsSecret?: readonly string[];
      readonly claimStorageClass?: string;
      /** Rules, by the range of the network. */
      readonly egress: (cidr: string) => readonly EgressRule[];
    },
  ) {}
}
