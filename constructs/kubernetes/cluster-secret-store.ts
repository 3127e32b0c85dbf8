import { ApiObject } from 'cdk8s';
import { Construct } from 'constructs';
import { secretStoreConditions } from '../cloud/secret';
import { labelValue, objectName } from './object-names';

/** Props of a {@link ClusterSecretStore}. */
export interface ClusterSecretStoreProps {
  /** Name, by which an ExternalSecret asks for it. */
  readonly name: string;
  /** Platform whose namespaces may use it: those that carry its name as label `lnmt.dev/platform`. */
  readonly platform: string;
  /** Further namespaces that may use it. @default [] */
  readonly namespaces?: readonly string[];
  /** Where the secrets are, as External Secrets names it. @see https://external-secrets.io/latest/provider/aws-secrets-manager/ */
  readonly provider: object;
}

/**
 * A store of External Secrets for a whole cluster. ExternalSecrets of other namespaces get nothing out of it: whoever may write one
 * there would otherwise read every secret of the platform.
 *
 * @see https://external-secrets.io/latest/api/clustersecretstore/
 * @throws LNMT3000 for a name that is none
 */
export class ClusterSecretStore extends Construct {
  constructor(scope: Construct, id: string, props: ClusterSecretStoreProps) {
    super(scope, id);
    for (const namespace of props.namespaces ?? []) objectName(this, 'namespaces', namespace, 63);
    new ApiObject(this, 'Resource', {
      apiVersion: 'external-secrets.io/v1',
      kind: 'ClusterSecretStore',
      metadata: { name: objectName(this, 'name', props.name, 63) },
      spec: {
        provider: props.provider,
        conditions: secretStoreConditions(labelValue(props.platform), props.namespaces),
      },
    });
  }
}
