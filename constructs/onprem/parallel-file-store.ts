import { ApiObject } from 'cdk8s';
import type { Chart } from 'cdk8s';
import { Construct } from 'constructs';
import { wholeNumber } from '../checks';
import { refuseGap } from '../cloud/cloud';
import type { KubernetesParts } from '../cloud/kubernetes-parts';
import type { IParallelFileStore, ParallelFileStoreProps } from '../cloud/parallel-file-store';
import { KUBERNETES_NAMES, legalName } from '../names';
import { expectHere, ONPREM } from './context';
import type { OnPremContext } from './context';

/** Scratch as a ReadWriteMany claim on the site's parallel file system, in each namespace that asks for it. */
export class OnPremParallelFileStore extends Construct implements IParallelFileStore {
  readonly cloud = ONPREM;
  readonly kubernetes: KubernetesParts;
  readonly sizeGiB: number;
  private readonly claimName: string;
  private readonly namespaces = new Set<string>();

  /** @throws LNMT1007 where the site has no parallel file system, LNMT1002 for a size below 1 */
  constructor(scope: Construct, id: string, props: ParallelFileStoreProps & OnPremContext) {
    const { gaps, parallelStorageClass } = props.site;
    if (parallelStorageClass === undefined) refuseGap({ name: ONPREM, gaps }, scope, 'parallel-file-store');
    super(scope, id);
    const { cluster, encryptionKey, linkedStore, network } = props;
    expectHere(this, { network, cluster, linkedStore, encryptionKey });
    this.sizeGiB = wholeNumber(this, 'sizeGiB', props.sizeGiB ?? 1200, { min: 1, unit: 'GiB' });
    this.claimName = legalName(KUBERNETES_NAMES.label, [...props.naming, 'scratch'], this);
    // In the last layer: it waits for no pod, and a claim is bound when its first pod comes.
    this.kubernetes = {
      addons: [],
      objects: [{ id: 'claims', layer: '30-apps', define: (chart) => this.defineClaims(chart, parallelStorageClass) }],
    };
  }

  claim(namespace: string): { readonly claimName: string } {
    this.namespaces.add(namespace);
    return { claimName: this.claimName };
  }

  private defineClaims(chart: Chart, storageClassName: string): void {
    for (const namespace of [...this.namespaces].sort()) {
      new ApiObject(chart, namespace, {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: { name: this.claimName, namespace },
        spec: {
          accessModes: ['ReadWriteMany'],
          storageClassName,
          resources: { requests: { storage: `${this.sizeGiB}Gi` } },
        },
      });
    }
  }
}
