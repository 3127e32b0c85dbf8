import { describe, expect, it } from 'vitest';
import { ElasticacheCache } from '../../../constructs/aws/cache';
import type { CacheProps } from '../../../constructs/cloud/cache';
import { DataStack, codeOf, statementsOf } from './data-stack';

function cacheIn(data: DataStack, props: Partial<CacheProps> = {}): ElasticacheCache {
  return new ElasticacheCache(data.stack, 'cache', {
    ...data.common,
    naming: ['ml', 'cache'],
    encryptionKey: data.key(),
    ...props,
  });
}

describe('ElasticacheCache', () => {
  it('is Valkey in two zones, encrypted at rest with the key and in transit', () => {
    const data = new DataStack();
    const cache = cacheIn(data);
    expect(data.resources('aws_elasticache_replication_group')['ml_cache']).toMatchObject({
      replication_group_id: 'ml-cache',
      engine: 'valkey',
      node_type: 'cache.t4g.small',
      num_cache_clusters: 2,
      automatic_failover_enabled: true,
      multi_az_enabled: true,
      at_rest_encryption_enabled: 'true',
      kms_key_id: 'arn:aws:kms:eu-west-1:111122223333:key/k',
      transit_encryption_enabled: true,
      transit_encryption_mode: 'required',
      snapshot_retention_limit: 7,
      final_snapshot_identifier: 'ml-cache-final',
      lifecycle: { prevent_destroy: true },
    });
    expect(cache).toMatchObject({ tls: true, port: 6379 });
  });

  it('has one user, who proves its identity by IAM and cannot administer the server', () => {
    const data = new DataStack();
    const cache = cacheIn(data);
    const users = Object.values(data.resources('aws_elasticache_user'));
    const user = users.find((one) => one['user_name'] !== 'default') ?? {};
    expect(user).toMatchObject({ authentication_mode: { type: 'iam' } });
    expect(user['user_id']).toBe(user['user_name']);
    expect(user['access_string']).toContain('-@admin -@dangerous');
    expect(JSON.stringify(data.document().resource)).not.toMatch(/"passwords"|auth_token/);
    expect('credentials' in cache).toBe(false);
  });

  it('switches off the default user that every group has to hold', () => {
    const data = new DataStack();
    cacheIn(data);
    const users = data.resources('aws_elasticache_user');
    const [id] = Object.keys(users).filter((name) => users[name]?.['user_name'] === 'default');
    expect(users[id ?? '']).toMatchObject({ engine: 'redis', access_string: 'off -@all' });
    const group = data.only('aws_elasticache_user_group');
    expect(group['engine']).toBe('redis');
    expect(group['user_ids']).toEqual([
      `\${aws_elasticache_user.${id}.user_id}`,
      expect.stringContaining('cache_User_') as string,
    ]);
  });

  it('grants connecting as that user to that group', () => {
    const data = new DataStack();
    cacheIn(data).grants.connect(data.identity());
    expect(statementsOf(data.only('aws_iam_role_policy'))).toMatchObject([
      {
        Action: ['elasticache:Connect'],
        Resource: [
          '${aws_elasticache_replication_group.ml_cache.arn}',
          expect.stringContaining('aws_elasticache_user') as string,
        ],
      },
    ]);
  });

  it('has no failover without a replica', () => {
    const data = new DataStack();
    cacheIn(data, { replicas: 0 });
    expect(data.only('aws_elasticache_replication_group')).toMatchObject({
      num_cache_clusters: 1,
      automatic_failover_enabled: false,
      multi_az_enabled: false,
    });
  });

  it('is reached from the nodes on one port only, and writes its logs to encrypted groups', () => {
    const data = new DataStack();
    cacheIn(data);
    expect(data.only('aws_vpc_security_group_ingress_rule')).toMatchObject({ from_port: 6379, to_port: 6379 });
    const groups = Object.values(data.resources('aws_cloudwatch_log_group'));
    expect(groups.map((group) => group['name'])).toEqual([
      '/aws/elasticache/ml-cache/engine-log',
      '/aws/elasticache/ml-cache/slow-log',
    ]);
    expect(groups.every((group) => group['kms_key_id'] !== undefined && group['retention_in_days'] === 365)).toBe(true);
  });

  it.each([
    [{ replicas: 6 }, 'LNMT1002'],
    [{ replicas: -1 }, 'LNMT1002'],
    [{ memoryGiB: 0 }, 'LNMT1002'],
    [{ memoryGiB: 500 }, 'LNMT2102'],
  ])('refuses %o with %s', (props, code) => {
    expect(codeOf(() => cacheIn(new DataStack(), props))).toBe(code);
  });

  it('adopts a replication group without creating anything', () => {
    const data = new DataStack();
    const existing = { host: 'cache.example.internal', cidr: '10.1.0.0/16' };
    expect(data.added(() => ElasticacheCache.fromReplicationGroup(data.stack, 'old', existing))).toEqual([]);
    expect(ElasticacheCache.fromReplicationGroup(data.stack, 'again', { ...existing, tls: false })).toMatchObject({
      host: 'cache.example.internal',
      port: 6379,
      tls: false,
    });
  });
});
