import { describe, expect, it } from 'vitest';
import { RdsDatabase } from '../../../constructs/aws/relational-database';
import { SecretsManagerSecret } from '../../../constructs/aws/secret';
import { SecretsManagerStore } from '../../../constructs/aws/secret-store';
import { DataStack, ForeignBlock, REGION, codeOf, manifestsOf, statementsOf } from './data-stack';
import type { ISecret } from '../../../constructs/cloud/secret';

const ACCOUNT = '${data.aws_caller_identity.LnmtAwsAccount.account_id}';
const READ = ['secretsmanager:GetSecretValue', 'secretsmanager:DescribeSecret'];

function secretIn(data: DataStack, onRemoval: 'retain' | 'destroy' = 'retain'): SecretsManagerSecret {
  return new SecretsManagerSecret(data.stack, 'secret', {
    naming: ['ml', 'api-keys'],
    description: 'Keys of the endpoint',
    region: REGION,
    encryptionKey: data.key(),
    onRemoval,
  });
}

describe('SecretsManagerSecret', () => {
  it('is a container without a value, encrypted with the key, recoverable for 30 days', () => {
    const data = new DataStack();
    const secret = secretIn(data);
    expect(data.only('aws_secretsmanager_secret')).toMatchObject({
      name: 'ml/api-keys',
      kms_key_id: 'arn:aws:kms:eu-west-1:111122223333:key/k',
      recovery_window_in_days: 30,
      lifecycle: { prevent_destroy: true },
    });
    expect(data.types()).not.toContain('aws_secretsmanager_secret_version');
    expect(secret.externalKey).toBe('ml/api-keys');
  });

  it('is gone at once only when asked', () => {
    const data = new DataStack();
    secretIn(data, 'destroy');
    expect(data.only('aws_secretsmanager_secret')).toMatchObject({ recovery_window_in_days: 0 });
  });

  it('adopts a secret without creating anything', () => {
    const data = new DataStack();
    const existing = { externalKey: 'old/keys' };
    expect(data.added(() => SecretsManagerSecret.fromSecret(data.stack, 'old', existing))).toEqual([]);
    expect(SecretsManagerSecret.fromSecret(data.stack, 'again', existing).externalKey).toBe('old/keys');
  });

  it('refuses a secret of another cloud', () => {
    const data = new DataStack();
    const foreign = new ForeignBlock(data.stack, 's') as unknown as ISecret;
    expect(codeOf(() => SecretsManagerSecret.expect(data.stack, foreign))).toBe('LNMT1008');
  });
});

describe('SecretsManagerStore', () => {
  function storeIn(data: DataStack): SecretsManagerStore {
    return new SecretsManagerStore(data.stack, 'secrets', {
      ...data.common,
      platform: 'ml',
      naming: ['ml'],
      encryptionKey: data.key(),
    });
  }

  it('reads secrets below the prefix and nothing else', () => {
    const data = new DataStack();
    storeIn(data);
    expect(statementsOf(data.only('aws_iam_role_policy'))).toMatchObject([
      { Action: READ, Resource: [`arn:aws:secretsmanager:eu-west-1:${ACCOUNT}:secret:ml/*`] },
      {
        Action: ['kms:Decrypt'],
        Resource: ['arn:aws:kms:eu-west-1:111122223333:key/k'],
        Condition: { StringEquals: { 'kms:ViaService': 'secretsmanager.eu-west-1.amazonaws.com' } },
      },
    ]);
  });

  it('reads the managed password of a database of the stack too, also of one that is made later', () => {
    const data = new DataStack();
    storeIn(data);
    new RdsDatabase(data.stack, 'database', { ...data.common, naming: ['ml', 'database'] });
    const policies = Object.values(data.resources('aws_iam_role_policy'));
    expect(statementsOf(policies[0])[0]?.['Resource']).toEqual([
      `arn:aws:secretsmanager:eu-west-1:${ACCOUNT}:secret:ml/*`,
      '${aws_db_instance.ml_database.master_user_secret[0].secret_arn}',
    ]);
  });

  it('takes the role through the service account of the operator', () => {
    const data = new DataStack();
    const store = storeIn(data);
    expect(data.only('aws_eks_pod_identity_association')).toMatchObject({
      namespace: 'external-secrets',
      service_account: 'external-secrets',
    });
    expect(store.kubernetes.addons.map((addon) => addon.name)).toEqual(['external-secrets']);
  });

  it('is the same ClusterSecretStore as on every target, without a credential', () => {
    const store = storeIn(new DataStack());
    expect(store.storeName).toBe('lnmt');
    expect(store.kubernetes.objects[0]?.layer).toBe('20-platform');
    expect(manifestsOf(store.kubernetes)).toEqual([
      expect.objectContaining({
        apiVersion: 'external-secrets.io/v1',
        kind: 'ClusterSecretStore',
        metadata: { name: 'lnmt' },
        spec: {
          provider: { aws: { service: 'SecretsManager', region: REGION } },
          conditions: [{ namespaceSelector: { matchLabels: { 'lnmt.dev/platform': 'ml' } } }],
        },
      }),
    ]);
  });

  it('finds a secret by its short name under the name that the secret has', () => {
    const data = new DataStack();
    expect(storeIn(data).externalKey('api-keys')).toBe(secretIn(data).externalKey);
  });
});
