import type { IamRole } from '@cdktf/provider-aws/lib/iam-role';
import { IamRolePolicy } from '@cdktf/provider-aws/lib/iam-role-policy';
import { IamRolePolicyAttachment } from '@cdktf/provider-aws/lib/iam-role-policy-attachment';
import type { Construct } from 'constructs';
import { dnsSuffixOf, managedPolicyArn } from './context';
import { policyDocument, serviceRole } from './iam';

/** What names a role of a cluster. */
export interface ClusterRoleProps {
  /** From the general to the particular, e.g. `['ml']`; resource names are made of it. */
  readonly naming: readonly string[];
  /** Code of the region, e.g. `eu-west-1`. */
  readonly region: string;
}

/** A role with the attachments that have to exist before it is used. */
export interface AttachedRole {
  /** The role. */
  readonly role: IamRole;
  /** What it takes its permissions from. */
  readonly attachments: readonly IamRolePolicyAttachment[];
}

/**
 * What nodes may do: register, and pull images. Networking of pods is not among it: the CNI has an identity of its own.
 *
 * @see https://docs.aws.amazon.com/eks/latest/userguide/create-node-role.html
 */
const NODE_POLICIES = {
  Worker: 'AmazonEKSWorkerNodePolicy',
  Registry: 'AmazonEC2ContainerRegistryPullOnly',
  Session: 'AmazonSSMManagedInstanceCore',
} as const;

/** Role of the control plane. @see https://docs.aws.amazon.com/eks/latest/userguide/cluster-iam-role.html */
export function controlPlaneRole(scope: Construct, props: ClusterRoleProps & { keyArn?: string }): AttachedRole {
  const role = serviceRole(scope, 'Role', {
    naming: [...props.naming, 'cluster'],
    region: props.region,
    services: ['eks.amazonaws.com'],
    description: 'Control plane of the Kubernetes cluster',
  });
  if (props.keyArn !== undefined) {
    new IamRolePolicy(scope, 'EncryptSecrets', {
      name: 'encrypt-secrets',
      role: role.name,
      policy: policyDocument([
        {
          actions: ['kms:Encrypt', 'kms:Decrypt', 'kms:ListGrants', 'kms:DescribeKey'],
          resources: [props.keyArn],
        },
      ]),
    });
  }
  return attach(scope, role, props.region, { ControlPlane: 'AmazonEKSClusterPolicy' });
}

/** Role of nodes; one for managed node groups, another for Karpenter, because EKS writes the access entry of the former itself. */
export function nodeRole(scope: Construct, id: 'SystemNode' | 'KarpenterNode', props: ClusterRoleProps): AttachedRole {
  const role = serviceRole(scope, `${id}Role`, {
    naming: [...props.naming, id === 'SystemNode' ? 'system-node' : 'node'],
    region: props.region,
    services: [`ec2.${dnsSuffixOf(props.region)}`],
    description: id === 'SystemNode' ? 'Nodes of managed node groups' : 'Nodes that Karpenter launches',
  });
  const policies = Object.entries(NODE_POLICIES).map(([name, policy]) => [`${id}${name}`, policy] as const);
  return attach(scope, role, props.region, Object.fromEntries(policies));
}

function attach(
  scope: Construct,
  role: IamRole,
  region: string,
  policies: Readonly<Record<string, string>>,
): AttachedRole {
  const attachments = Object.entries(policies).map(
    ([id, policy]) =>
      new IamRolePolicyAttachment(scope, `${id}Policy`, {
        role: role.name,
        policyArn: managedPolicyArn(region, policy),
      }),
  );
  return { role, attachments };
}
