import type { EgressRule } from '../cloud/egress';
import type { OnPremCertificates } from './certificates';
import type { OnPremFileStorage } from './file-storage';
import type { OnPremNodes } from './node-shapes';
import type { OnPremObjectStorage } from './object-storage';
import type { OnPremGpuStack } from './onprem-gpu-stack';
import type { OnPremSecrets } from './secret-backend';

/** What a site has. */
export interface OnPremCloudProps {
  /** Name of the cluster, for people. @default 'onprem' */
  readonly clusterName?: string;
  /** How whoever deploys reaches the cluster. @default - the kubeconfig is asked for, its current context is used */
  readonly kubeconfig?: {
    /** Default of the Terraform variable with the path. @default - the deployer must set it */
    readonly path?: string;
    /** @default - the current context */
    readonly context?: string;
  };
  /** The network of the nodes. */
  readonly network: {
    /** IPv4 range. */
    readonly cidr: string;
  };
  /** The machines of the cluster. */
  readonly nodes: readonly OnPremNodes[];
  /** Where objects are kept. */
  readonly objectStore: OnPremObjectStorage;
  /** Where files are kept that many pods mount at once. */
  readonly fileStore: OnPremFileStorage;
  /** StorageClass of databases and Prometheus. @default - the cluster's default */
  readonly blockStorageClass?: string;
  /** StorageClass of a parallel file system with ReadWriteMany volumes. @default - none: a gap */
  readonly parallelStorageClass?: string;
  /** Prefix of image names in the site's registry, e.g. `harbor.example.com/lnmt`. @default - none: a gap */
  readonly registry?: string;
  /** Where the values of secrets are. @default OnPremSecrets.kubernetes() */
  readonly secrets?: OnPremSecrets;
  /** Who signs certificates. @default - nobody: a DNS zone is a gap */
  readonly certificates?: OnPremCertificates;
  /** Who owns driver, toolkit and device plugin of the GPU nodes. @default OnPremGpuStack.operator() */
  readonly gpuStack?: OnPremGpuStack;
  /**
   * Whether metrics-server is there already, or is installed; `install-unverified` for clusters whose kubelets have
   * certificates that nobody signed, as kubeadm leaves them.
   *
   * @default 'install'
   */
  readonly resourceMetrics?: 'install' | 'install-unverified' | 'present';
  /** Destinations that every pod with an identity may reach besides its store, e.g. a proxy. @default [] */
  readonly egress?: readonly EgressRule[];
  /** Namespaces whose pods may connect to the databases in the cluster. @default - those of the platform's servers */
  readonly clientNamespaces?: readonly string[];
}
