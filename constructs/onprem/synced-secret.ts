import { ApiObject } from 'cdk8s';
import type { Chart } from 'cdk8s';
import { SECRET_STORE } from '../cloud/secret';

const API = 'external-secrets.io/v1';

/** A Kubernetes Secret that External Secrets keeps equal to one of the site's secrets. */
export interface SyncedSecret {
  /** Name of the Kubernetes Secret. */
  readonly name: string;
  /** Key in the site's backend. */
  readonly key: string;
  /** Fields of the site's secret, by the keys that they get in the Kubernetes Secret. */
  readonly fields: Readonly<Record<string, string>>;
  /** @default 'Opaque' */
  readonly type?: string;
  /** Texts in the template language of External Secrets, in place of the plain fields. @default - the fields */
  readonly template?: Readonly<Record<string, string>>;
}

/** Adds an ExternalSecret to a namespace. @see https://external-secrets.io/latest/api/externalsecret/ */
export function syncSecret(chart: Chart, id: string, namespace: string, secret: SyncedSecret): ApiObject {
  return new ApiObject(chart, id, {
    apiVersion: API,
    kind: 'ExternalSecret',
    metadata: { name: secret.name, namespace },
    spec: externalSecretSpec(secret),
  });
}

/** Adds a ClusterExternalSecret: the Secret appears in each of the namespaces, also in those that are made later. */
export function syncSecretInto(
  chart: Chart,
  id: string,
  namespaces: readonly string[],
  secret: SyncedSecret,
): ApiObject {
  return new ApiObject(chart, id, {
    apiVersion: API,
    kind: 'ClusterExternalSecret',
    metadata: { name: secret.name },
    spec: {
      externalSecretName: secret.name,
      namespaceSelectors: namespaces.map((name) => ({ matchLabels: { 'kubernetes.io/metadata.name': name } })),
      externalSecretSpec: externalSecretSpec(secret),
    },
  });
}

function externalSecretSpec(secret: SyncedSecret): object {
  const { fields, key, name, template, type } = secret;
  return {
    refreshInterval: '1h',
    secretStoreRef: { kind: 'ClusterSecretStore', name: SECRET_STORE },
    target: {
      name,
      creationPolicy: 'Owner',
      deletionPolicy: 'Retain',
      ...(template || type
        ? { template: { ...(type ? { type } : {}), ...(template ? { engineVersion: 'v2', data: template } : {}) } }
        : {}),
    },
    data: Object.entries(fields).map(([secretKey, property]) => ({ secretKey, remoteRef: { key, property } })),
  };
}
