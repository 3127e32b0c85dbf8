import { describe, expect, it } from 'vitest';
import { EcrRegistry } from '../../../constructs/aws/container-registry';
import type { ContainerRegistryProps } from '../../../constructs/cloud/container-registry';
import { DataStack, REGION, codeOf } from './data-stack';

const HOST = '111122223333.dkr.ecr.eu-west-1.amazonaws.com';

function registryIn(data: DataStack, props: Partial<ContainerRegistryProps> = {}): EcrRegistry {
  return new EcrRegistry(data.stack, 'images', {
    naming: ['ml'],
    region: REGION,
    repositories: ['inference', 'training'],
    encryptionKey: data.key(),
    ...props,
  });
}

describe('EcrRegistry', () => {
  it('has immutable tags, scans when pushed to, and is encrypted with the key', () => {
    const data = new DataStack();
    registryIn(data);
    const repositories = data.resources('aws_ecr_repository');
    expect(Object.keys(repositories)).toEqual(['ml_inference', 'ml_training']);
    expect(repositories['ml_inference']).toMatchObject({
      name: 'ml/inference',
      image_tag_mutability: 'IMMUTABLE',
      image_scanning_configuration: { scan_on_push: true },
      encryption_configuration: [{ encryption_type: 'KMS', kms_key: 'arn:aws:kms:eu-west-1:111122223333:key/k' }],
      force_delete: false,
      lifecycle: { prevent_destroy: true },
    });
  });

  it('keeps the newest untagged images only', () => {
    const data = new DataStack();
    registryIn(data, { keepUntagged: 5, repositories: ['inference'] });
    expect(JSON.parse(String(data.only('aws_ecr_lifecycle_policy')['policy'] as string))).toMatchObject({
      rules: [{ selection: { tagStatus: 'untagged', countType: 'imageCountMoreThan', countNumber: 5 } }],
    });
  });

  it('says how to log in, and what image names begin with', () => {
    const data = new DataStack();
    const registry = EcrRegistry.fromPrefix(data.stack, 'old', { registryPrefix: `${HOST}/ml` });
    expect(registry.prefix).toBe(`${HOST}/ml`);
    expect(registry.loginCommand).toBe(
      `aws ecr get-login-password --region eu-west-1 | docker login --username AWS --password-stdin ${HOST}`,
    );
    expect(registryIn(data).prefix).toMatch(/\.dkr\.ecr\.eu-west-1\.amazonaws\.com\/ml$/);
  });

  it('adopts a registry without creating anything', () => {
    const data = new DataStack();
    const adopt = () => EcrRegistry.fromPrefix(data.stack, 'old', { registryPrefix: `${HOST}/ml` });
    expect(data.added(adopt)).toEqual([]);
  });

  it.each(['docker.io/library', HOST, `${HOST}/`, `https://${HOST}/ml`])('refuses to adopt %s', (registryPrefix) => {
    const data = new DataStack();
    expect(codeOf(() => EcrRegistry.fromPrefix(data.stack, 'old', { registryPrefix }))).toBe('LNMT2107');
  });

  it.each(['Inference', 'a b', '-a', 'a/', 'a..b', ''])('refuses the repository name %j', (name) => {
    expect(codeOf(() => registryIn(new DataStack(), { repositories: [name] }))).toBe('LNMT2103');
  });

  it('refuses a repository that is listed twice', () => {
    const make = () => registryIn(new DataStack(), { repositories: ['inference', 'inference'] });
    expect(make).toThrow(/LNMT2103 \[data\/images\]: repositories holds a name that is listed twice; got "inference"/);
  });

  it('refuses to keep no untagged image', () => {
    expect(codeOf(() => registryIn(new DataStack(), { keepUntagged: 0 }))).toBe('LNMT1002');
  });
});
