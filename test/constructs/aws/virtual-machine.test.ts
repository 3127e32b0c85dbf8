import { describe, expect, it } from 'vitest';
import { KmsKey } from '../../../constructs/aws/encryption-key';
import type { IVirtualMachine, VirtualMachineProps } from '../../../constructs/cloud/virtual-machine';
import { ComputeStack, REGION, codeOf } from './compute-stack';
import { ForeignBlock } from './data-stack';

function machine(test: ComputeStack, props: Partial<VirtualMachineProps> = {}): IVirtualMachine {
  return test.cloud.compute.virtualMachine(test.stack, 'vm', {
    naming: ['ml', 'bastion'],
    network: props.network ?? test.adoptedNetwork(),
    purpose: 'bastion',
    ...props,
  });
}

describe('a virtual machine', () => {
  it('is private, encrypted, without key pair, and shows its metadata to itself only', () => {
    const test = new ComputeStack();
    const keyArn = `arn:aws:kms:${REGION}:111122223333:key/k`;
    machine(test, { encryptionKey: KmsKey.fromKey(test.stack, 'key', { keyArn }) });
    const instance = test.only('aws_instance');
    expect(instance).toMatchObject({
      instance_type: 't3.medium',
      subnet_id: 'subnet-1',
      associate_public_ip_address: false,
      metadata_options: { http_tokens: 'required', http_put_response_hop_limit: 1 },
      root_block_device: { encrypted: true, kms_key_id: keyArn, volume_type: 'gp3', volume_size: 30 },
      ebs_optimized: true,
      monitoring: true,
    });
    expect(instance).not.toHaveProperty('key_name');
  });

  it('boots the newest Amazon Linux and is not replaced by the next one', () => {
    const test = new ComputeStack();
    machine(test);
    expect(test.only('aws_ssm_parameter', 'data')['name']).toBe(
      '/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64',
    );
    expect(test.only('aws_instance')['lifecycle']).toEqual({ ignore_changes: ['ami'] });
  });

  it('is reached through Session Manager, without any open port', () => {
    const test = new ComputeStack();
    const { connectCommand } = machine(test);
    expect(test.all('aws_vpc_security_group_ingress_rule')).toEqual([]);
    expect(test.resolve(connectCommand)).toMatch(
      new RegExp(`^aws ssm start-session --region ${REGION} --target \\$\\{aws_instance\\..*\\.id\\}$`),
    );
    expect(test.only('aws_iam_role_policy_attachment')['policy_arn']).toBe(
      'arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore',
    );
  });

  it('reaches the network and the package repositories, and nothing else', () => {
    const test = new ComputeStack();
    machine(test);
    const rules = test.all('aws_vpc_security_group_egress_rule');
    expect(rules.map((rule) => rule['cidr_ipv4'])).toEqual(['10.0.0.0/16', undefined]);
    expect(rules.map((rule) => rule['to_port'])).toEqual([443, 443]);
    expect(rules[1]?.['prefix_list_id']).toMatch(/aws_ec2_managed_prefix_list/);
  });

  it('takes HTTPS from listed ranges as an edge gateway', () => {
    const test = new ComputeStack();
    machine(test, { purpose: 'edge-gateway', ingressCidrs: ['203.0.113.0/24', '198.51.100.0/24'] });
    const rules = test.all('aws_vpc_security_group_ingress_rule');
    expect(rules.map((rule) => [rule['cidr_ipv4'], rule['from_port'], rule['to_port']])).toEqual([
      ['203.0.113.0/24', 443, 443],
      ['198.51.100.0/24', 443, 443],
    ]);
  });

  it('takes nothing as an edge gateway without ranges', () => {
    const test = new ComputeStack();
    machine(test, { purpose: 'edge-gateway' });
    expect(test.all('aws_vpc_security_group_ingress_rule')).toEqual([]);
  });

  it('has the size that is asked for', () => {
    const test = new ComputeStack();
    machine(test, { vcpus: 8, memoryGiB: 64 });
    expect(test.only('aws_instance')['instance_type']).toBe('r7i.2xlarge');
  });

  it('refuses ranges for a bastion', () => {
    expect(() => machine(new ComputeStack(), { ingressCidrs: ['203.0.113.0/24'] })).toThrow(
      "LNMT2010 [ml-infra/vm]: ingressCidrs is given for a bastion; allowed: ingressCidrs with purpose 'edge-gateway' only; drop ingressCidrs and use the connectCommand, or change purpose",
    );
  });

  it('refuses an unknown purpose, a disk too small and a network of another cloud', () => {
    const test = new ComputeStack();
    expect(codeOf(() => machine(new ComputeStack(), { purpose: 'web' as 'bastion' }))).toBe('LNMT1016');
    expect(codeOf(() => machine(new ComputeStack(), { diskGiB: 4 }))).toBe('LNMT1002');
    const network = new ForeignBlock(test.stack, 'other') as never;
    expect(codeOf(() => machine(test, { network }))).toBe('LNMT1008');
  });
});
