import { ApiObject } from 'cdk8s';
import type { Construct } from 'constructs';
import { secretStoreMissing } from './errors';

/**
 * A ClusterSecretStore of External Secrets. A platform's `secretStore` has this shape; it serves namespaces with the label
 * `lnmt.dev/platform` of the platform's name, as a PlatformNamespace of it has, and those that `namespaces` of its options names.
 */
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

  /**
   * A Kubernetes Secret that somebody else creates in the namespace of the workload.
   *
   * @param key which of its values. @default - the one that is named as whoever takes it expects
   */
  static fromKubernetes(name: string, key?: string): SecretReference {
    return new SecretReference('kubernetes', name, key);
  }

  private constructor(
    /** Which of the two. */
    readonly source: 'store' | 'kubernetes',
    /** Short name in the store, or name of the Kubernetes Secret. */
    readonly name: string,
    /** Key in the Kubernetes Secret. @default - the one that is expected */
    readonly key?: string,
  ) {}
}

/** A value of a Kubernetes Secret of the namespace. */
export interface SecretKey {
  readonly secret: string;
  readonly key: string;
}

/** Secret values, each by the name of the variable that it is for. */
export type SecretValues = Readonly<Record<string, SecretKey | SecretReference>>;

/** Props of {@link materializeSecrets}. */
export interface MaterializeSecretsProps {
  /** Each by the key that it has in the Secret. */
  readonly secrets: SecretValues;
  /** @default - none; needed for a secret of the store */
  readonly store?: SecretStoreReference;
  readonly namespace: string;
  /** Name of the Kubernetes Secret that External Secrets writes. */
  readonly targetName: string;
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * Makes secrets available in a namespace and returns where each is; those of the store come in one Kubernetes Secret.
 *
 * @see https://external-secrets.io/latest/api/externalsecret/
 * @throws LNMT3009 for a secret of the store without a store
 */
export function materializeSecrets(
  scope: Construct,
  id: string,
  props: MaterializeSecretsProps,
): Readonly<Record<string, SecretKey>> {
  const { store, namespace, targetName, labels } = props;
  const data: object[] = [];
  const keys = Object.entries(props.secrets).map(([name, value]): [string, SecretKey] => {
    if (!(value instanceof SecretReference)) return [name, value];
    if (value.source === 'kubernetes') return [name, { secret: value.name, key: value.key ?? name }];
    if (store === undefined) throw secretStoreMissing(scope, value.name);
    data.push({ secretKey: name, remoteRef: remoteRef(store, value.name) });
    return [name, { secret: targetName, key: name }];
  });
  if (store !== undefined && data.length > 0) {
    new ApiObject(scope, id, {
      apiVersion: 'external-secrets.io/v1',
      kind: 'ExternalSecret',
      metadata: { name: targetName, namespace, labels },
      spec: {
        refreshInterval: '1h',
        secretStoreRef: { kind: 'ClusterSecretStore', name: store.storeName },
        target: { name: targetName, creationPolicy: 'Owner', deletionPolicy: 'Retain' },
        data,
      },
    });
  }
  return Object.fromEntries(keys);
}

function remoteRef(store: SecretStoreReference, name: string): { readonly key: string; readonly property?: string } {
  const key = store.externalKey(name);
  return store.valueField === undefined ? { key } : { key, property: store.valueField };
}
