import { Construct } from 'constructs';
import { metricsServer } from '../addons/metrics-server';
import type { ClusterConnection, ClusterProps, ICluster } from '../cloud/cluster';
import type { KubernetesParts } from '../cloud/kubernetes-parts';
import { NO_PARTS } from '../cloud/kubernetes-parts';
import type { KubernetesVersion } from '../versions';
import { expectHere, ONPREM } from './context';
import type { OnPremContext } from './context';

/**
 * The cluster that a kubeconfig leads to. Nothing is created; `access`, `administrators`, `systemNodes` and control-plane
 * logs are the business of whoever runs it.
 */
export class OnPremCluster extends Construct implements ICluster {
  readonly cloud = ONPREM;
  readonly kubernetes: KubernetesParts;
  readonly clusterName: string;
  readonly version: KubernetesVersion;
  readonly connection: ClusterConnection;
  readonly kubeconfigCommand: string;
  /** True: where the cluster has no metrics-server, this block brings one, with the options that the site needs. */
  readonly servesResourceMetrics = true;

  constructor(scope: Construct, id: string, props: ClusterProps & OnPremContext) {
    super(scope, id);
    const { site } = props;
    expectHere(this, { network: props.network, encryptionKey: props.encryptionKey });
    this.clusterName = site.clusterName;
    this.version = props.version;
    this.connection = { kind: 'kubeconfig', ...site.kubeconfig };
    this.kubeconfigCommand = kubeconfigCommand(site.kubeconfig);
    this.kubernetes =
      site.resourceMetrics === 'present'
        ? NO_PARTS
        : { addons: [metricsServer({ verifyKubelets: site.resourceMetrics === 'install' })], objects: [] };
  }
}

function kubeconfigCommand({ path, context }: { readonly path?: string; readonly context?: string }): string {
  const flags = [...(path ? [`--kubeconfig ${path}`] : []), ...(context ? [`--context ${context}`] : [])];
  return ['kubectl', ...flags, 'config view --minify'].join(' ');
}
