import { describe, expect, test } from 'vitest';
import { prune } from './prune';
import type { TerraformDocument } from './terraform-json';

const document: TerraformDocument = {
  terraform: { backend: {} },
  data: { aws_iam_policy_document: { p: { depends_on: ['aws_msk_cluster.k', 'aws_vpc.v'] } } },
  resource: {
    aws_msk_cluster: { k: { cluster_name: 'k' } },
    aws_vpc: { v: { cidr_block: '10.0.0.0/16' } },
    aws_ssm_parameter: {
      reads: { value: '${aws_msk_cluster.k.arn}' },
      after: { value: 'x', depends_on: ['aws_msk_cluster.k'] },
    },
    aws_iam_role: { indirect: { name: '${aws_ssm_parameter.reads.name}' } },
  },
  output: { arn: { value: '${aws_msk_cluster.k.arn}' }, vpc: { value: '${aws_vpc.v.id}' } },
};

describe('leaving out of a stack what an emulator cannot serve', () => {
  const pruned = prune(document, { aws_msk_cluster: 'stays CREATING', aws_never_used: 'x' });

  test('drops listed types and whatever reads a value of them, however indirectly', () => {
    expect([...pruned.dropped]).toEqual([
      ['aws_msk_cluster.k', 'stays CREATING'],
      ['aws_ssm_parameter.reads', 'needs aws_msk_cluster.k'],
      ['aws_iam_role.indirect', 'needs aws_ssm_parameter.reads'],
    ]);
    expect(pruned.kept).toBe(2);
    expect(pruned.document.output).toEqual({ vpc: { value: '${aws_vpc.v.id}' } });
  });

  test('forgets an ordering after what was dropped, and keeps who asked for it', () => {
    expect(pruned.document.resource?.['aws_ssm_parameter']).toEqual({ after: { value: 'x', depends_on: [] } });
    expect(pruned.document.data).toEqual({ aws_iam_policy_document: { p: { depends_on: ['aws_vpc.v'] } } });
  });

  test('says which entries of the list were needed', () => {
    expect([...pruned.used]).toEqual(['aws_msk_cluster']);
  });
});
