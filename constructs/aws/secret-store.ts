import { Lazy } from 'cdktf';
import { IamRolePolicy } from '@cdktf/provider-aws/lib/iam-role-policy';
import { Construct } from 'constructs';
import { EXTERNAL_SECRETS, externalSecrets } from '../addons/external-secrets';
import type { KubernetesParts } from '../cloud/kubernetes-parts';
import { SECRET_STORE } from '../cloud/secret';
import type { ISecretStore, SecretStoreProps } from '../cloud/secret';
import { ClusterSecretStore } from '../kubernetes/cluster-secret-store';
import { AWS, accountIdOf, partitionOf } from './context';
import type { AwsContext } from './context';
import { keyArnOf, keyUse } from './encryption-key';
import { policyDocument } from './iam';
import type { PolicyStatement } from './iam';
import { managedSecretsOf } from './managed-secrets';
import { secretName } from './secret';
import { AwsWorkloadIdentity } from './workload-identity';

const READ = ['secretsmanager:GetSecretValue', 'secretsmanager:DescribeSecret'];

/**
 * The External Secrets operator, bound to AWS Secrets Manager through a Pod Identity that reads secrets below one prefix
 * and the managed secrets of databases in the same stack, and nothing else.
 *
 * @see https://external-secrets.io/latest/provider/aws-secrets-manager/
 */
export class SecretsManagerStore extends Construct implements ISecretStore {
  readonly cloud = AWS;
  readonly storeName = SECRET_STORE;
  readonly kubernetes: KubernetesParts;
  private readonly naming: readonly string[];

  constructor(scope: Construct, id: string, props: SecretStoreProps & AwsContext) {
    super(scope, id);
    this.naming = props.naming;
    const identity = new AwsWorkloadIdentity(this, 'Identity', {
      cluster: props.cluster,
      namespace: EXTERNAL_SECRETS.namespace,
      serviceAccountName: EXTERNAL_SECRETS.serviceAccountName,
      naming: [...props.naming, 'external-secrets'],
      region: props.region,
    });
    const keyArn = keyArnOf(this, props.encryptionKey);
    const below = `arn:${partitionOf(props.region)}:secretsmanager:${props.region}:${accountIdOf(this)}:secret:${secretName(props.naming)}/*`;
    new IamRolePolicy(this, 'Resource', {
      name: 'read-secrets',
      role: identity.role.name,
      policy: Lazy.stringValue({ produce: () => policyDocument(this.statements(props.region, below, keyArn)) }),
    });
    this.kubernetes = {
      addons: [externalSecrets()],
      objects: [
        {
          id: 'secret-store',
          layer: '20-platform',
          define: (chart) =>
            void new ClusterSecretStore(chart, 'Store', {
              name: SECRET_STORE,
              platform: props.platform,
              namespaces: props.namespaces ?? [],
              provider: { aws: { service: 'SecretsManager', region: props.region } },
            }),
        },
      ],
    };
  }

  externalKey(name: string): string {
    return secretName([...this.naming, name], this);
  }

  // Evaluated at synthesis, when every database of the stack has announced its managed secret.
  private statements(region: string, below: string, storeKey: string | undefined): readonly PolicyStatement[] {
    const managed = managedSecretsOf(this);
    const keys = new Set([storeKey, ...managed.map((secret) => secret.keyArn)]);
    return [
      { sid: 'Read', actions: READ, resources: [below, ...managed.map((secret) => secret.secretArn)] },
      ...[...keys].flatMap((key, index) =>
        keyUse(key, region, 'secretsmanager', ['kms:Decrypt']).map((statement) => ({
          ...statement,
          sid: `UseKey${index}`,
        })),
      ),
    ];
  }
}
