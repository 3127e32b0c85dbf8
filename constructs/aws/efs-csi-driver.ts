import { EksAddon } from '@cdktf/provider-aws/lib/eks-addon';
import { IamRolePolicy } from '@cdktf/provider-aws/lib/iam-role-policy';
import { Construct } from 'constructs';
import type { ICluster } from '../cloud/cluster';
import { SYSTEM_TAINT } from '../scheduling';
import { EksCluster } from './cluster';
import { accountIdOf, partitionOf } from './context';
import type { AwsContext } from './context';
import { policyDocument } from './iam';
import type { PolicyStatement } from './iam';
import { podIdentityRole } from './pod-identity-role';

const SERVICE_ACCOUNT = { namespace: 'kube-system', serviceAccountName: 'efs-csi-controller-sa' };
const OWNER_TAG = 'efs.csi.aws.com/cluster';

/** Props of the driver. */
export interface EfsCsiDriverProps extends AwsContext {
  readonly naming: readonly string[];
  readonly cluster: ICluster;
  /** The only file system that it may touch. */
  readonly fileSystemArn: string;
}

/**
 * The EFS CSI driver as an add-on of EKS. Its controller may create access points on one file system and delete those
 * that it created.
 *
 * @see https://github.com/kubernetes-sigs/aws-efs-csi-driver/blob/master/docs/iam-policy-example.json
 */
export class EfsCsiDriver extends Construct {
  constructor(scope: Construct, id: string, props: EfsCsiDriverProps) {
    super(scope, id);
    const cluster = EksCluster.expect(this, props.cluster);
    const role = podIdentityRole(this, 'Role', {
      ...SERVICE_ACCOUNT,
      naming: [...props.naming, 'efs-csi'],
      region: props.region,
      cluster,
    });
    const policy = new IamRolePolicy(this, 'Policy', {
      name: 'access-points',
      role: role.name,
      policy: policyDocument(statements(props.fileSystemArn, accessPoints(this, props.region))),
    });
    new EksAddon(this, 'Resource', {
      clusterName: cluster.clusterName,
      addonName: 'aws-efs-csi-driver',
      resolveConflictsOnCreate: 'OVERWRITE',
      resolveConflictsOnUpdate: 'PRESERVE',
      configurationValues: JSON.stringify({
        controller: { tolerations: [{ key: SYSTEM_TAINT.key, operator: 'Exists' }] },
      }),
      podIdentityAssociation: [{ roleArn: role.arn, serviceAccount: SERVICE_ACCOUNT.serviceAccountName }],
      dependsOn: [policy],
    });
  }
}

function accessPoints(scope: Construct, region: string): string {
  return `arn:${partitionOf(region)}:elasticfilesystem:${region}:${accountIdOf(scope)}:access-point/*`;
}

function statements(fileSystemArn: string, points: string): readonly PolicyStatement[] {
  return [
    {
      sid: 'Look',
      actions: [
        'elasticfilesystem:DescribeAccessPoints',
        'elasticfilesystem:DescribeFileSystems',
        'elasticfilesystem:DescribeMountTargets',
      ],
      resources: [fileSystemArn, points],
    },
    // This action knows no resource.
    { sid: 'Zones', actions: ['ec2:DescribeAvailabilityZones'], resources: ['*'] },
    {
      sid: 'Create',
      actions: ['elasticfilesystem:CreateAccessPoint'],
      resources: [fileSystemArn],
      conditions: { StringEquals: { [`aws:RequestTag/${OWNER_TAG}`]: 'true' } },
    },
    {
      sid: 'Tag',
      actions: ['elasticfilesystem:TagResource'],
      resources: [points],
      conditions: { StringEquals: { [`aws:RequestTag/${OWNER_TAG}`]: 'true' } },
    },
    {
      sid: 'DeleteOwn',
      actions: ['elasticfilesystem:DeleteAccessPoint'],
      resources: [points],
      conditions: { StringEquals: { [`aws:ResourceTag/${OWNER_TAG}`]: 'true' } },
    },
  ];
}
