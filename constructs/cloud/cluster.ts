import type { KubernetesVersion } from '../versions';
import type { IBuildingBlock, StatefulProps } from './building-block';
import type { IEncryptionKey } from './encryption-key';
import type { INetwork } from './network';
import { LnmtError } from '../errors';

/** From where the Kubernetes API can be reached. Required, because a wrong guess is either unsafe or unusable. */
export class ClusterAccess {
  /**
   * The public endpoint, limited to address ranges (besides the private one).
   *
   * @throws LNMT1014 for no range, a malformed one, or one that lets everybody in
   */
  static publicFrom(...cidrs: readonly string[]): ClusterAccess {
    const bad =
      cidrs.length === 0 ? '' : cidrs.find((cidr) => !/^\d{1,3}(\.\d{1,3}){3}\/([89]|[12]\d|3[0-2])$/.test(cidr));
    if (bad !== undefined) {
      throw new LnmtError('LNMT1014', undefined, {
        what: 'ClusterAccess.publicFrom cannot be used',
        got: JSON.stringify(bad),
        allowed: 'one or more IPv4 ranges from /8 to /32',
        remedy: 'list the ranges that deployers and CI come from, or use ClusterAccess.insideNetwork()',
      });
    }
    return new ClusterAccess(cidrs);
  }

  /** Whoever deploys is inside the network (VPN, bastion, a runner in the cloud): no public endpoint. */
  static insideNetwork(): ClusterAccess {
    return new ClusterAccess([]);
  }

  private constructor(
    /** Ranges that may reach the public endpoint; empty means that there is none. */
    readonly publicCidrs: readonly string[],
  ) {}
}

/** How Terraform reaches the Kubernetes API. Never holds a credential. */
export type ClusterConnection =
  | {
      /** A command prints a short-lived credential when it is needed. */
      readonly kind: 'exec';
      readonly host: string;
      /** Base64 PEM, as the cloud returns it. */
      readonly certificateAuthorityData: string;
      readonly command: string;
      readonly args: readonly string[];
      readonly env?: Readonly<Record<string, string>>;
    }
  | {
      /** A kubeconfig on the machine that deploys; its path is a Terraform variable. */
      readonly kind: 'kubeconfig';
      /** Default of the variable. @default - the deployer must set it */
      readonly path?: string;
      /** @default - the current context */
      readonly context?: string;
    };

/** Nodes that carry the cluster's own add-ons. */
export interface SystemNodesOptions {
  /** @default 2 */
  readonly minNodes?: number;
  /** @default 4 */
  readonly maxNodes?: number;
  /** @default 2 */
  readonly vcpus?: number;
  /** Memory in GiB. @default 8 */
  readonly memoryGiB?: number;
}

/** Options of a cluster that users choose. */
export interface ClusterOptions {
  /** @default - the platform's */
  readonly systemNodes?: SystemNodesOptions;
  /** Days that control-plane logs are kept. @default 365 */
  readonly logRetentionDays?: number;
  /** Principals (in the cloud's form) that administer the cluster. @default - whoever deploys */
  readonly administrators?: readonly string[];
}

/** Props of a Kubernetes cluster. */
export interface ClusterProps extends ClusterOptions, StatefulProps {
  readonly network: INetwork;
  readonly version: KubernetesVersion;
  readonly access: ClusterAccess;
  /** Encrypts secrets and logs. @default - the cloud's own key */
  readonly encryptionKey?: IEncryptionKey;
}

/** A Kubernetes cluster: provisioned, or adopted on-premises. */
export interface ICluster extends IBuildingBlock {
  readonly clusterName: string;
  readonly version: KubernetesVersion;
  readonly connection: ClusterConnection;
  /** Command that writes a kubeconfig for people. */
  readonly kubeconfigCommand: string;
  /** True when `metrics.k8s.io` is served without an add-on of ours. */
  readonly servesResourceMetrics: boolean;
}
