import { ApiObject } from 'cdk8s';
import type { Chart } from 'cdk8s';
import { Construct } from 'constructs';
import { externalSecrets } from '../addons/external-secrets';
import type { KubernetesObjects, KubernetesParts } from '../cloud/kubernetes-parts';
import { SECRET_STORE } from '../cloud/secret';
import type { ISecretStore, SecretStoreProps } from '../cloud/secret';
import { ClusterSecretStore } from '../kubernetes/cluster-secret-store';
import { expectHere, ONPREM } from './context';
import type { OnPremContext } from './context';
import { SECRET_READER, SECRET_VALUE_FIELD } from './secret-backend';
import type { OnPremSecrets } from './secret-backend';
import { ownNamespace } from './restricted-namespace';
import { OnPremWorkloadIdentity } from './workload-identity';

/** External Secrets, reading Kubernetes Secrets of one namespace, or Vault. */
export class OnPremSecretStore extends Construct implements ISecretStore {
  readonly cloud = ONPREM;
  readonly kubernetes: KubernetesParts;
  readonly storeName = SECRET_STORE;
  readonly valueField = SECRET_VALUE_FIELD;
  private readonly naming: readonly string[];
  private readonly secrets: OnPremSecrets;

  constructor(scope: Construct, id: string, props: SecretStoreProps & OnPremContext) {
    super(scope, id);
    expectHere(this, { cluster: props.cluster, encryptionKey: props.encryptionKey });
    this.naming = props.naming;
    this.secrets = props.site.secrets;
    this.kubernetes = { addons: [externalSecrets()], objects: [...this.reader(), this.store(props)] };
  }

  externalKey(name: string): string {
    return this.secrets.key([...this.naming, name]);
  }

  private store({ platform, namespaces = [], site }: SecretStoreProps & OnPremContext): KubernetesObjects {
    return {
      id: 'secret-store',
      layer: '20-platform',
      define: (chart) =>
        void new ClusterSecretStore(chart, 'Store', {
          name: SECRET_STORE,
          platform,
          // A grant brings credentials into the namespace of an identity, also where somebody else made that.
          namespaces: [...namespaces, ...OnPremWorkloadIdentity.namespacesOf(this.node.root, site)],
          provider: this.secrets.provider,
        }),
    };
  }

  private reader(): readonly KubernetesObjects[] {
    const { namespace } = this.secrets;
    if (namespace === undefined) return [];
    return [
      ...ownNamespace(this, namespace),
      { id: 'secret-reader', layer: '20-platform', namespace, define: defineReader },
    ];
  }
}

function defineReader(chart: Chart): void {
  const name = SECRET_READER;
  const object = (kind: string, apiVersion: string, fields: object): ApiObject =>
    new ApiObject(chart, kind, { apiVersion, kind, metadata: { name }, ...fields });
  object('ServiceAccount', 'v1', { automountServiceAccountToken: false });
  object('Role', 'rbac.authorization.k8s.io/v1', {
    rules: [{ apiGroups: [''], resources: ['secrets'], verbs: ['get', 'list', 'watch'] }],
  });
  object('RoleBinding', 'rbac.authorization.k8s.io/v1', {
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
    subjects: [{ kind: 'ServiceAccount', name, namespace: chart.namespace }],
  });
}
