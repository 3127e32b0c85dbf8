/** Where Argo CD or Flux finds the committed output. */
export interface GitRepository {
  /** URL that the cluster clones, e.g. `https://git.example.com/ml/platform.git`. Public, or readable with a credential that the controller has. */
  readonly url: string;
  /** Folder of the output inside the repository. @default 'gitops' */
  readonly path?: string;
  /** Branch or tag. @default 'main' */
  readonly revision?: string;
}

/** Ways of delivery. */
export const DELIVERY_MODES = ['direct', 'argocd', 'flux', 'export'] as const;

/** Options of direct delivery. */
export interface DirectDeliveryOptions {
  /** Roll back a release of layer 30-apps that does not become ready. With GPUs that scale from zero this rolls back a healthy platform. @default false */
  readonly atomicApps?: boolean;
}

/**
 * How manifests reach the cluster. The charts, their layers and their late-bound values are the same in all modes; only
 * the last writer differs.
 */
export class Delivery {
  /** Terraform installs every layer as Helm releases. */
  static direct(options: DirectDeliveryOptions = {}): Delivery {
    return new Delivery('direct', undefined, options.atomicApps ?? false);
  }

  /** Terraform installs Argo CD and one root Application; Argo CD pulls the rest from git. */
  static argocd(options: { readonly repo: GitRepository }): Delivery {
    return new Delivery('argocd', options.repo, false);
  }

  /** Terraform installs Flux and one root Kustomization; Flux pulls the rest from git. */
  static flux(options: { readonly repo: GitRepository }): Delivery {
    return new Delivery('flux', options.repo, false);
  }

  /** Only files: the charts, with every late-bound value named in `values.yaml`, for whatever installs them. */
  static export(): Delivery {
    return new Delivery('export', undefined, false);
  }

  private constructor(
    readonly mode: (typeof DELIVERY_MODES)[number],
    /** Repository of the GitOps modes. */
    readonly repo: GitRepository | undefined,
    /** Whether layer 30-apps is rolled back when it does not become ready. */
    readonly atomicApps: boolean,
  ) {}
}

/** Folder of GitOps output in the synthesis folder, below which each platform has one. */
export const GITOPS_FOLDER = 'gitops';

/** Folder of exported charts in the synthesis folder, below which each workloads stack has one. */
export const EXPORT_FOLDER = 'export';

/** Name of the Terraform output that holds all late-bound values in export mode. */
export const VALUES_OUTPUT = 'late_bound_values';

/** File beside `cdk.tf.json` that says what a workloads stack delivers; read by the command line. */
export const DELIVERY_INDEX = 'lnmt.json';

/** One release in {@link DeliveryIndex}. */
export interface ReleaseIndexEntry {
  readonly name: string;
  readonly layer: string;
  readonly namespace: string;
  /** Path of the generated chart relative to the synthesis folder. @default - a chart of others */
  readonly path?: string;
  /** Chart of others. @default - a generated chart */
  readonly chart?: { readonly repository: string; readonly name: string; readonly version: string };
  /** Number of Kubernetes objects in a generated chart. */
  readonly objects: number;
}

/** Contents of {@link DELIVERY_INDEX}. */
export interface DeliveryIndex {
  readonly platform: string;
  readonly cloud: string;
  readonly mode: Delivery['mode'];
  readonly releases: readonly ReleaseIndexEntry[];
  /** What the cloud declares that it cannot offer, by capability. */
  readonly gaps?: Readonly<Record<string, { readonly reason: string; readonly alternative: string }>>;
  /** Late-bound values: name and the Terraform expression behind it. */
  readonly values: Readonly<Record<string, string>>;
}
