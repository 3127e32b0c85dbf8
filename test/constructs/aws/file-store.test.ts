import { describe, expect, it } from 'vitest';
import { EfsFileStore } from '../../../constructs/aws/file-store';
import { DataStack, ForeignBlock, REGION, codeOf, manifestsOf, statement, statementsOf } from './data-stack';
import type { ICluster } from '../../../constructs/cloud/cluster';

function storeIn(data: DataStack, id = 'files'): EfsFileStore {
  return new EfsFileStore(data.stack, id, { ...data.common, naming: ['ml', 'files'], encryptionKey: data.key() });
}

describe('EfsFileStore', () => {
  it('is elastic, encrypted with the key, pinned and kept', () => {
    const data = new DataStack();
    storeIn(data);
    expect(data.resources('aws_efs_file_system')['ml_files']).toMatchObject({
      encrypted: true,
      kms_key_id: 'arn:aws:kms:eu-west-1:111122223333:key/k',
      throughput_mode: 'elastic',
      lifecycle: { prevent_destroy: true },
    });
  });

  it('has a mount target in every private subnet, behind a group that only the nodes reach', () => {
    const data = new DataStack();
    storeIn(data);
    const targets = Object.values(data.resources('aws_efs_mount_target'));
    expect(targets.map((one) => one['subnet_id'])).toEqual(['subnet-a', 'subnet-b', 'subnet-c']);
    const [group] = Object.keys(data.resources('aws_security_group'));
    expect(targets.map((one) => one['security_groups'])).toEqual(Array(3).fill([`\${aws_security_group.${group}.id}`]));
    expect(data.only('aws_vpc_security_group_ingress_rule')).toMatchObject({
      from_port: 2049,
      to_port: 2049,
      ip_protocol: 'tcp',
      description: 'NFS from nodes',
      referenced_security_group_id: expect.stringContaining('cluster_security_group_id') as string,
    });
    expect(data.types()).not.toContain('aws_vpc_security_group_egress_rule');
  });

  it('refuses clients without TLS, and root to everybody', () => {
    const data = new DataStack();
    storeIn(data);
    const policy = data.only('aws_efs_file_system_policy');
    expect(statement(policy, 'TlsOnly')).toMatchObject({
      Effect: 'Deny',
      Condition: { Bool: { 'aws:SecureTransport': 'false' } },
    });
    expect(JSON.stringify(statementsOf(policy))).not.toContain('ClientRootAccess');
  });

  it('brings the driver as an EKS add-on whose controller creates and deletes access points of this file system only', () => {
    const data = new DataStack();
    storeIn(data);
    expect(data.only('aws_eks_addon')).toMatchObject({
      addon_name: 'aws-efs-csi-driver',
      pod_identity_association: [{ service_account: 'efs-csi-controller-sa' }],
    });
    const policy = data.only('aws_iam_role_policy');
    expect(statement(policy, 'Create')).toMatchObject({
      Resource: ['${aws_efs_file_system.ml_files.arn}'],
      Condition: { StringEquals: { 'aws:RequestTag/efs.csi.aws.com/cluster': 'true' } },
    });
    expect(statement(policy, 'DeleteOwn')).toMatchObject({
      Action: ['elasticfilesystem:DeleteAccessPoint'],
      Condition: { StringEquals: { 'aws:ResourceTag/efs.csi.aws.com/cluster': 'true' } },
    });
    const everywhere = statementsOf(policy).filter((one) => JSON.stringify(one['Resource']) === '["*"]');
    expect(everywhere.map((one) => one['Action'])).toEqual([['ec2:DescribeAvailabilityZones']]);
  });

  it('offers the storage class of every target, with volumes owned by the user that images run as', () => {
    const data = new DataStack();
    const store = storeIn(data);
    expect(store.storageClassName).toBe('lnmt-shared');
    expect(store.kubernetes.objects[0]).toMatchObject({ layer: '20-platform' });
    expect(manifestsOf(store.kubernetes)).toMatchObject([
      {
        apiVersion: 'storage.k8s.io/v1',
        kind: 'StorageClass',
        metadata: { name: 'lnmt-shared' },
        provisioner: 'efs.csi.aws.com',
        reclaimPolicy: 'Retain',
        parameters: { provisioningMode: 'efs-ap', uid: '10001', gid: '10001', directoryPerms: '0770' },
      },
    ]);
  });

  it('adopts a file system without creating anything, with the same storage class', () => {
    const data = new DataStack();
    const existing = {
      fileSystemId: 'fs-1',
      fileSystemArn: 'arn:aws:elasticfilesystem:eu-west-1:111122223333:file-system/fs-1',
      region: REGION,
    };
    expect(data.added(() => EfsFileStore.fromFileSystem(data.stack, 'old', existing))).toEqual([]);
    const again = EfsFileStore.fromFileSystem(data.stack, 'again', existing);
    expect(manifestsOf(again.kubernetes)).toMatchObject([{ parameters: { fileSystemId: 'fs-1' } }]);
  });

  it('refuses to adopt by an ARN of another service', () => {
    const data = new DataStack();
    const existing = { fileSystemId: 'fs-1', fileSystemArn: 'arn:aws:fsx:eu-west-1:1:x', region: REGION };
    expect(codeOf(() => EfsFileStore.fromFileSystem(data.stack, 'old', existing))).toBe('LNMT2100');
  });

  it('refuses a cluster of another cloud', () => {
    const data = new DataStack();
    const cluster = Object.assign(new ForeignBlock(data.stack, 'c'), data.cluster, { cloud: 'onprem' }) as ICluster;
    const make = (): unknown => new EfsFileStore(data.stack, 'f', { ...data.common, cluster, naming: ['ml'] });
    expect(codeOf(make)).toBe('LNMT1008');
  });
});
