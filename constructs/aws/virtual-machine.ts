import { DataAwsEc2ManagedPrefixList } from '@cdktf/provider-aws/lib/data-aws-ec2-managed-prefix-list';
import { DataAwsSsmParameter } from '@cdktf/provider-aws/lib/data-aws-ssm-parameter';
import { IamInstanceProfile } from '@cdktf/provider-aws/lib/iam-instance-profile';
import { IamRolePolicyAttachment } from '@cdktf/provider-aws/lib/iam-role-policy-attachment';
import { Instance } from '@cdktf/provider-aws/lib/instance';
import { SecurityGroup } from '@cdktf/provider-aws/lib/security-group';
import { VpcSecurityGroupEgressRule } from '@cdktf/provider-aws/lib/vpc-security-group-egress-rule';
import { VpcSecurityGroupIngressRule } from '@cdktf/provider-aws/lib/vpc-security-group-ingress-rule';
import { Construct } from 'constructs';
import { oneOf, wholeNumber } from '../checks';
import { NO_PARTS } from '../cloud/kubernetes-parts';
import type { IVirtualMachine, VirtualMachineProps } from '../cloud/virtual-machine';
import { legalName } from '../names';
import { selectShape } from '../select-shape';
import { AWS, dnsSuffixOf, managedPolicyArn } from './context';
import type { AwsContext } from './context';
import { bastionHasNoPort } from './errors';
import { serviceRole } from './iam';
import { METADATA_OPTIONS } from './launch-template';
import { AWS_NAMES } from './names';
import { KmsKey } from './encryption-key';
import { VpcNetwork } from './network';
import type { IVpcNetwork } from './network';
import { expectRegion } from './regions';
import { AWS_VM_SHAPES } from './vm-shapes';

/** Newest image of Amazon Linux 2023. @see https://docs.aws.amazon.com/linux/al2023/ug/ec2.html */
const IMAGE_PARAMETER = {
  amd64: '/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64',
  arm64: '/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64',
} as const;

/** Props of an EC2 instance. */
export interface Ec2MachineProps extends VirtualMachineProps, AwsContext {}

/**
 * An EC2 instance in a private subnet: reached through Session Manager, without key pair, public address or open port; an edge
 * gateway takes HTTPS from the ranges that are listed.
 *
 * @see https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager.html
 */
export class Ec2Machine extends Construct implements IVirtualMachine {
  readonly cloud = AWS;
  readonly kubernetes = NO_PARTS;
  readonly privateAddress: string;
  readonly connectCommand: string;

  constructor(scope: Construct, id: string, props: Ec2MachineProps) {
    super(scope, id);
    const network = VpcNetwork.expect(this, props.network);
    expectRegion(this, 'network', network, props.region);
    const key = props.encryptionKey ? KmsKey.expect(this, props.encryptionKey) : undefined;
    const volumeSize = wholeNumber(this, 'diskGiB', props.diskGiB ?? 30, { min: 8, max: 16384, unit: 'GiB' });
    const request = { vcpus: props.vcpus ?? 2, memoryGiB: props.memoryGiB ?? 4 };
    const shape = selectShape(AWS, AWS_VM_SHAPES, request, {}, this);
    const image = new DataAwsSsmParameter(this, 'Image', { name: IMAGE_PARAMETER[shape.architecture] });
    const instance = new Instance(this, 'Resource', {
      // A parameter's value counts as secret, and a secret image id would hide every change of the machine.
      ami: image.insecureValue,
      instanceType: shape.name,
      subnetId: network.privateSubnetIds[0],
      associatePublicIpAddress: false,
      vpcSecurityGroupIds: [this.securityGroup(props, network).id],
      iamInstanceProfile: this.profile(props).name,
      ebsOptimized: true,
      monitoring: true,
      metadataOptions: METADATA_OPTIONS,
      rootBlockDevice: { encrypted: true, kmsKeyId: key?.keyId, volumeType: 'gp3', volumeSize },
      tags: { ...props.tags, Name: legalName(AWS_NAMES.tagValue, props.naming, this) },
    });
    // A new image would replace the machine at every release of Amazon Linux.
    instance.lifecycle = { ignoreChanges: ['ami'] };
    this.privateAddress = instance.privateIp;
    this.connectCommand = `aws ssm start-session --region ${props.region} --target ${instance.id}`;
  }

  private profile(props: Ec2MachineProps): IamInstanceProfile {
    const role = serviceRole(this, 'Role', {
      naming: props.naming,
      region: props.region,
      services: [`ec2.${dnsSuffixOf(props.region)}`],
      description: `Virtual machine ${props.naming.join('-')}`,
    });
    new IamRolePolicyAttachment(this, 'SessionPolicy', {
      role: role.name,
      policyArn: managedPolicyArn(props.region, 'AmazonSSMManagedInstanceCore'),
    });
    return new IamInstanceProfile(this, 'Profile', { name: role.name, role: role.name });
  }

  private securityGroup(props: Ec2MachineProps, network: IVpcNetwork): SecurityGroup {
    const purpose = oneOf(this, 'purpose', props.purpose, ['bastion', 'edge-gateway']);
    const cidrs = props.ingressCidrs ?? [];
    if (purpose === 'bastion' && cidrs.length > 0) throw bastionHasNoPort(this);
    const name = legalName(AWS_NAMES.securityGroup, props.naming, this);
    const group = new SecurityGroup(this, 'SecurityGroup', {
      vpcId: network.vpcId,
      name,
      description: `Virtual machine ${props.naming.join('-')}`,
      tags: { Name: name },
    });
    const tcp = { securityGroupId: group.id, ipProtocol: 'tcp' };
    const https = { ...tcp, fromPort: 443, toPort: 443 };
    new VpcSecurityGroupEgressRule(this, 'EgressToNetwork', {
      ...(purpose === 'bastion' ? https : { ...tcp, fromPort: 1, toPort: 65535 }),
      description: 'Kubernetes API, private endpoints and services of the network',
      cidrIpv4: network.cidr,
    });
    const storage = new DataAwsEc2ManagedPrefixList(this, 'Storage', { name: `com.amazonaws.${props.region}.s3` });
    new VpcSecurityGroupEgressRule(this, 'EgressToPackages', {
      ...https,
      description: 'Package repositories of Amazon Linux, in S3',
      prefixListId: storage.id,
    });
    cidrs.forEach((cidrIpv4, index) => {
      new VpcSecurityGroupIngressRule(this, `Ingress${index}`, {
        ...https,
        description: 'HTTPS from a listed range',
        cidrIpv4,
      });
    });
    return group;
  }
}
