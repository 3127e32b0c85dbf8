import { describe, expect, it } from 'vitest';
import { DynamoDocumentStore } from '../../../constructs/aws/document-store';
import { expectDocumentApi } from '../../../constructs/cloud/document-store';
import { DataStack, REGION, codeOf, statement, statementsOf } from './data-stack';

function storeIn(data: DataStack, onRemoval: 'retain' | 'destroy' = 'retain'): DynamoDocumentStore {
  return new DynamoDocumentStore(data.stack, 'documents', {
    ...data.common,
    naming: ['ml', 'documents'],
    encryptionKey: data.key(),
    expiryAttribute: 'ttl',
    onRemoval,
  });
}

describe('DynamoDocumentStore', () => {
  it('can be restored to any second, is encrypted with the key, paid by request, protected and pinned', () => {
    const data = new DataStack();
    storeIn(data);
    expect(data.resources('aws_dynamodb_table')['ml_documents']).toMatchObject({
      name: 'ml-documents',
      billing_mode: 'PAY_PER_REQUEST',
      hash_key: 'pk',
      range_key: 'sk',
      attribute: [
        { name: 'pk', type: 'S' },
        { name: 'sk', type: 'S' },
      ],
      point_in_time_recovery: { enabled: true },
      server_side_encryption: { enabled: true, kms_key_arn: 'arn:aws:kms:eu-west-1:111122223333:key/k' },
      deletion_protection_enabled: true,
      ttl: { enabled: true, attribute_name: 'ttl' },
      lifecycle: { prevent_destroy: true },
    });
  });

  it('can be torn down only when asked', () => {
    const data = new DataStack();
    storeIn(data, 'destroy');
    expect(data.only('aws_dynamodb_table')).toMatchObject({ deletion_protection_enabled: false });
    expect(data.only('aws_dynamodb_table')['lifecycle']).toBeUndefined();
  });

  it('grants items of this table, its indexes and its key, and no administration', () => {
    const data = new DataStack();
    storeIn(data).grants.readWrite(data.identity());
    const policy = data.only('aws_iam_role_policy');
    const arn = '${aws_dynamodb_table.ml_documents.arn}';
    expect(statement(policy, 'Items')['Resource']).toEqual([arn, `${arn}/index/*`]);
    expect(JSON.stringify(statementsOf(policy))).not.toMatch(/\*"\]?,"Resource"|DeleteTable|UpdateTable/);
    expect(statement(policy, 'UseKey')['Condition']).toEqual({
      StringEquals: { 'kms:ViaService': 'dynamodb.eu-west-1.amazonaws.com' },
    });
  });

  it('speaks the API of DynamoDB, and a consumer of another one is refused', () => {
    const data = new DataStack();
    const store = storeIn(data);
    expect(() => expectDocumentApi(data.stack, store, ['dynamodb', 'mongodb'])).not.toThrow();
    expect(codeOf(() => expectDocumentApi(data.stack, store, ['mongodb']))).toBe('LNMT1015');
  });

  it('adopts a table without creating anything, and grants on it', () => {
    const data = new DataStack();
    const tableArn = 'arn:aws:dynamodb:eu-west-1:111122223333:table/old';
    const existing = { tableName: 'old', tableArn, region: REGION };
    expect(data.added(() => DynamoDocumentStore.fromTable(data.stack, 'old', existing))).toEqual([]);
    DynamoDocumentStore.fromTable(data.stack, 'again', existing).grants.readWrite(data.identity());
    expect(statementsOf(data.only('aws_iam_role_policy'))).toMatchObject([
      { Resource: [tableArn, `${tableArn}/index/*`] },
    ]);
  });

  it('refuses to adopt by an ARN of another service', () => {
    const existing = { tableName: 'old', tableArn: 'arn:aws:s3:::old', region: REGION };
    expect(codeOf(() => DynamoDocumentStore.fromTable(new DataStack().stack, 'old', existing))).toBe('LNMT2100');
  });
});
