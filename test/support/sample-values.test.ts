import { expect, test } from 'vitest';
import { sampleFor } from './sample-values';

test.each([
  ['a', '${aws_subnet.private.id}', 'subnet-0123456789abcdef0'],
  [
    'a',
    '${data.terraform_remote_state.x.outputs.cross-stack-output-aws_subnetml_PrivateSubnet0_1658AE20id}',
    'subnet-0123456789abcdef0',
  ],
  [
    'a',
    '${data.terraform_remote_state.x.outputs.cross-stack-output-aws_eks_clustermlvpc_config0cluster_security_group_id}',
    'sg-0123456789abcdef0',
  ],
  ['a', '${aws_fsx_lustre_file_system.scratch.dns_name}', 'sample.example.com'],
  ['roleArn', undefined, 'arn:aws:iam::111122223333:role/sample'],
  ['dbPort', undefined, '5432'],
  ['anything', undefined, 'sample'],
])('%s %s is sampled as %s', (name, expression, sample) => {
  expect(sampleFor(name, expression)).toBe(sample);
});
