import { ApiObject } from 'cdk8s';
import type { KubernetesObjects } from '../cloud/kubernetes-parts';
import type { OnPremSecrets } from './secret-backend';

/** A password that nobody has to think of. */
export interface GeneratedPassword {
  /** Key in the site's backend. */
  readonly key: string;
  readonly username: string;
}

const LENGTH = 32;

/**
 * Makes user name and password (fields `username` and `password`) once, where the backend is Kubernetes; they outlive
 * what asked for them. People write them into any other backend.
 *
 * @see https://external-secrets.io/latest/api/generator/password/
 */
export function generatePassword(secrets: OnPremSecrets, { key, username }: GeneratedPassword): KubernetesObjects[] {
  const { namespace } = secrets;
  if (namespace === undefined) return [];
  const generator = { apiVersion: 'generators.external-secrets.io/v1alpha1', kind: 'Password', name: key };
  return [
    {
      id: 'password',
      layer: '20-platform',
      namespace,
      define: (chart) => {
        new ApiObject(chart, 'Generator', {
          apiVersion: generator.apiVersion,
          kind: generator.kind,
          metadata: { name: key },
          spec: { length: LENGTH, digits: 8, symbols: 0, noUpper: false, allowRepeat: true },
        });
        new ApiObject(chart, 'Password', {
          apiVersion: 'external-secrets.io/v1',
          kind: 'ExternalSecret',
          metadata: { name: key },
          spec: {
            refreshPolicy: 'CreatedOnce',
            target: {
              name: key,
              creationPolicy: 'Orphan',
              template: { engineVersion: 'v2', data: { username, password: '{{ .password }}' } },
            },
            dataFrom: [{ sourceRef: { generatorRef: generator } }],
          },
        });
      },
    },
  ];
}
