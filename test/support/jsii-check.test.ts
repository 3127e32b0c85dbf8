import { describe, expect, test } from 'vitest';
import { checkTerraform } from './jsii-check';
import type { TerraformDocument } from './terraform-json';

const good: TerraformDocument = {
  '//': { metadata: { version: '0.21.0' } },
  terraform: { required_providers: { aws: { source: 'aws', version: '~> 6.25' } } },
  provider: { aws: [{ region: 'eu-west-1', default_tags: [{ tags: { owner: 'ml' } }] }] },
  data: { aws_region: { here: {} }, terraform_remote_state: { infra: { backend: 'local', config: { path: 'a' } } } },
  resource: {
    aws_s3_bucket: {
      models: {
        bucket_prefix: 'models-',
        force_destroy: false,
        tags: { a: 'b' },
        lifecycle: { prevent_destroy: true },
      },
    },
    aws_s3_bucket_versioning: {
      models: { bucket: '${aws_s3_bucket.models.id}', versioning_configuration: { status: 'Enabled' } },
    },
    aws_vpc: { main: { cidr_block: '10.0.0.0/16', assign_generated_ipv6_cidr_block: true } },
    aws_security_group: {
      pods: { vpc_id: '${aws_vpc.main.id}', ingress: [{ from_port: 1, to_port: 2, protocol: 'tcp' }] },
    },
    aws_autoscaling_group: {
      nodes: {
        max_size: 1,
        min_size: 0,
        dynamic: { tag: { for_each: '${var.tags}', content: { key: 'a', value: 'b', propagate_at_launch: true } } },
      },
    },
    helm_release: {
      apps: { name: 'apps', chart: './charts/apps', values: ['${yamlencode({"a" = aws_s3_bucket.models.arn})}'] },
    },
  },
};

/** `good` with one block of one type replaced. */
function having(type: string, body: Record<string, unknown>): TerraformDocument {
  return JSON.parse(
    JSON.stringify({ ...good, resource: { ...good.resource, [type]: { it: body } } }),
  ) as TerraformDocument;
}

describe('the check of Terraform JSON against the bindings', () => {
  test('accepts a correct document and counts what it saw', () => {
    expect(checkTerraform(good)).toEqual({ faults: [], checked: 8 });
  });

  test.each([
    ['an unknown argument', 'aws_eip', { domian: 'vpc' }, 'aws_eip.it.domian: unknown argument'],
    [
      'a missing required argument',
      'aws_eks_node_group',
      { cluster_name: 'a' },
      'aws_eks_node_group.it: node_role_arn is required',
    ],
    [
      'a number that is a word',
      'aws_lb_target_group',
      { port: 'eighty' },
      'aws_lb_target_group.it.port: "eighty" is not a number',
    ],
    ['a boolean that is a word', 'aws_eip', { tags: 'x' }, 'aws_eip.it.tags: "x" is not a map'],
    ['a string where a list belongs', 'aws_lb', { subnets: 'a' }, 'aws_lb.it.subnets: "a" is not a list'],
    [
      'two blocks where one is allowed',
      'aws_eks_cluster',
      { name: 'a', role_arn: 'b', vpc_config: [{ subnet_ids: ['a'] }, { subnet_ids: ['b'] }] },
      'aws_eks_cluster.it.vpc_config: takes one block, has 2',
    ],
    [
      'an unknown argument inside a block',
      'aws_eks_cluster',
      { name: 'a', role_arn: 'b', vpc_config: { subnet_ids: ['a'], endpoint_privat_access: true } },
      'aws_eks_cluster.it.vpc_config.endpoint_privat_access: unknown argument',
    ],
    ['an unknown resource type', 'aws_s3_buket', {}, 'aws_s3_buket.it: unknown type'],
    [
      'an unknown block made dynamic',
      'aws_eip',
      { dynamic: { tagz: { content: {} } } },
      'aws_eip.it.dynamic.tagz: unknown block',
    ],
    [
      'a reference to nothing',
      'aws_eip',
      { instance: '${aws_instance.gone.id}' },
      '${aws_instance.gone.id}: refers to nothing in this stack',
    ],
    ['an unknown attribute', 'aws_eip', { instance: '${aws_vpc.main.idd}' }, '${aws_vpc.main.idd}: unknown attribute'],
  ])('refuses %s', (_, type, body, fault) => {
    expect(checkTerraform(having(type, body)).faults).toContain(fault);
  });

  test('refuses an unknown argument of the provider block', () => {
    const { faults } = checkTerraform({ ...good, provider: { aws: [{ regoin: 'eu-west-1' }] } });
    expect(faults).toEqual(['provider.aws[0].regoin: unknown argument']);
  });

  test('refuses a section that Terraform does not have', () => {
    expect(checkTerraform({ ...good, resources: {} }).faults).toEqual(['resources: unknown section']);
  });

  test('lets an argument pass that is declared newer than the bindings', () => {
    const document = having('aws_eip', { brand_new: 1 });
    expect(checkTerraform(document, { newerThanBindings: ['aws_eip.brand_new'] }).faults).toEqual([]);
  });

  test('reads an escaped expression as text', () => {
    const document = having('aws_eip', { tags: { note: '$${aws_vpc.none.id}' } });
    expect(checkTerraform(document).faults).toEqual([]);
  });
});
