import { ApiObject } from 'cdk8s';
import type { Construct } from 'constructs';
import { secretStoreMissing } from './errors';

/** A ClusterSecretStore of External Secrets. A platform's `secretStore` has this shape. */
export interface SecretStoreReference {
  /** Name of the ClusterSecretStore. */
  readonly storeName: string;
  /** Full key of a secret by its short name; may be late-bound. */
  externalKey(name: string): string;
  /** Field that holds a secret with a single value, where secrets are maps of fields. @default - the whole secret */
  readonly valueField?: string;
}

/** Where a secret value is. Never the value itself. */
export class SecretReference {
  /** A secret in the platform's store, by its short name; it becomes an ExternalSecret. */
  static fromStore(name: string): SecretReference {
    return new SecretReference('store', name);
  }

  /** A Kubernetes Secret that somebody else creates in the namespace of the workload. */
  static fromKubernetes(name: string): SecretReference {
    return new SecretReference('kubernetes', name);
  }

  private constructor(
    /** Which of the two. */
    readonly source: 'store' | 'kubernetes',
    /** Short name in the store, or name of the Kubernetes Secret. */
    readonly name: string,
  ) {}
}

/** Props of {@link materializeSecret}. */
export interface MaterializeSecretProps {
  readonly secret: SecretReference;
  /** @default - none; needed for a secret of the store */
  readonly store?: SecretStoreReference;
  readonly namespace: string;
  /** Name of the Kubernetes Secret that External Secrets writes. */
  readonly targetName: string;
  /** Key of that Secret which receives the whole value. */
  readonly targetKey: string;
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * Makes a secret available in a namespace and returns the name of its Kubernetes Secret.
 *
 * @see https://external-secrets.io/latest/api/externalsecret/
 * @throws LNMT3009 for a secret of the store without a store
 */
export function materializeSecret(scope: Construct, id: string, props: MaterializeSecretProps): string {
  if (props.secret.source === 'kubernetes') return props.secret.name;
  if (props.store === undefined) throw secretStoreMissing(scope, props.secret.name);
  new ApiObject(scope, id, {
    apiVersion: 'external-secrets.io/v1',
    kind: 'ExternalSecret',
    metadata: { name: props.targetName, namespace: props.namespace, labels: props.labels },
    spec: {
      refreshInterval: '1h',
      secretStoreRef: { kind: 'ClusterSecretStore', name: props.store.storeName },
      target: { name: props.targetName, creationPolicy: 'Owner', deletionPolicy: 'Retain' },
      data: [{ secretKey: props.targetKey, remoteRef: remoteRef(props.store, props.secret.name) }],
    },
  });
  return props.targetName;
}

function remoteRef(store: SecretStoreReference, name: string): { readonly key: string; readonly property?: string } {
  const key = store.externalKey(name);
  return store.valueField === undefined ? { key } : { key, property: store.valueField };
}
