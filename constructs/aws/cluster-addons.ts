import { EksAddon } from '@cdktf/provider-aws/lib/eks-addon';
import { IamRolePolicyAttachment } from '@cdktf/provider-aws/lib/iam-role-policy-attachment';
import type { ITerraformDependable } from 'cdktf';
import { Construct } from 'constructs';
import { SYSTEM_TAINT } from '../scheduling';
import { managedPolicyArn } from './context';
import { podIdentityRole } from './pod-identity-role';

const SYSTEM_TOLERATIONS = [{ key: SYSTEM_TAINT.key, operator: 'Exists' }];

/** An add-on that EKS keeps, in the version that EKS recommends for the cluster's. */
export interface ClusterAddonProps {
  /** The cluster; its attributes may be tokens. */
  readonly cluster: { readonly clusterName: string; readonly clusterArn: string };
  /** From the general to the particular, e.g. `['ml']`; resource names are made of it. */
  readonly naming: readonly string[];
  /** Code of the region, e.g. `eu-west-1`. */
  readonly region: string;
  /** Name in the catalogue of EKS, e.g. `aws-efs-csi-driver`. */
  readonly addonName: string;
  /** Configuration in the schema of the add-on. @default - the add-on's own */
  readonly configuration?: Readonly<Record<string, unknown>>;
  /** Service account in kube-system that gets a role with the managed policies. @default - none */
  readonly identity?: { readonly serviceAccountName: string; readonly managedPolicies: readonly string[] };
  /** What has to exist before. @default - the cluster only */
  readonly dependsOn?: readonly ITerraformDependable[];
}

/** An EKS add-on, with a Pod Identity of its own where it calls AWS. @see https://docs.aws.amazon.com/eks/latest/userguide/eks-add-ons.html */
export class ClusterAddon extends Construct {
  readonly resource: EksAddon;

  constructor(scope: Construct, id: string, props: ClusterAddonProps) {
    super(scope, id);
    this.resource = new EksAddon(this, 'Resource', {
      clusterName: props.cluster.clusterName,
      addonName: props.addonName,
      resolveConflictsOnCreate: 'OVERWRITE',
      resolveConflictsOnUpdate: 'PRESERVE',
      configurationValues: props.configuration === undefined ? undefined : JSON.stringify(props.configuration),
      podIdentityAssociation: this.identity(props),
      dependsOn: props.dependsOn === undefined ? undefined : [...props.dependsOn],
    });
  }

  private identity(props: ClusterAddonProps): { roleArn: string; serviceAccount: string }[] | undefined {
    if (props.identity === undefined) return undefined;
    const { serviceAccountName, managedPolicies } = props.identity;
    const role = podIdentityRole(this, 'Role', {
      naming: [...props.naming, props.addonName],
      region: props.region,
      cluster: props.cluster,
      namespace: 'kube-system',
      serviceAccountName,
    });
    managedPolicies.forEach((policy, index) => {
      new IamRolePolicyAttachment(this, `Policy${index}`, {
        role: role.name,
        policyArn: managedPolicyArn(props.region, policy),
      });
    });
    return [{ roleArn: role.arn, serviceAccount: serviceAccountName }];
  }
}

type AddonFacts = Pick<ClusterAddonProps, 'addonName' | 'configuration' | 'identity'>;

/** Needed by the first node, therefore before any. */
const BEFORE_NODES: Readonly<Record<string, AddonFacts>> = {
  PodIdentityAgent: { addonName: 'eks-pod-identity-agent' },
  KubeProxy: { addonName: 'kube-proxy' },
  VpcCni: {
    addonName: 'vpc-cni',
    // Without enableNetworkPolicy EKS accepts NetworkPolicies and enforces none of them.
    configuration: {
      enableNetworkPolicy: 'true',
      env: { ENABLE_PREFIX_DELEGATION: 'true', WARM_PREFIX_TARGET: '1' },
    },
    identity: { serviceAccountName: 'aws-node', managedPolicies: ['AmazonEKS_CNI_Policy'] },
  },
};

/** Deployments that stay pending, and make Terraform wait, until there are nodes. */
const AFTER_NODES: Readonly<Record<string, AddonFacts>> = {
  CoreDns: { addonName: 'coredns', configuration: { tolerations: SYSTEM_TOLERATIONS } },
  MetricsServer: { addonName: 'metrics-server', configuration: { tolerations: SYSTEM_TOLERATIONS } },
  EbsCsiDriver: {
    addonName: 'aws-ebs-csi-driver',
    configuration: { controller: { tolerations: SYSTEM_TOLERATIONS } },
    identity: {
      serviceAccountName: 'ebs-csi-controller-sa',
      managedPolicies: ['service-role/AmazonEBSCSIDriverPolicy'],
    },
  },
  NodeMonitoringAgent: { addonName: 'eks-node-monitoring-agent' },
};

/** What the add-ons of a cluster share. */
export type ClusterAddonsProps = Pick<ClusterAddonProps, 'cluster' | 'naming' | 'region'>;

/** Add-ons that nodes need in order to become ready. */
export function addAddonsBeforeNodes(scope: Construct, props: ClusterAddonsProps): readonly EksAddon[] {
  return Object.entries(BEFORE_NODES).map(
    ([id, facts]) => new ClusterAddon(scope, id, { ...props, ...facts }).resource,
  );
}

/** Add-ons that run on nodes. */
export function addAddonsAfterNodes(
  scope: Construct,
  props: ClusterAddonsProps & { readonly nodes: ITerraformDependable },
): void {
  for (const [id, facts] of Object.entries(AFTER_NODES)) {
    new ClusterAddon(scope, id, { ...props, ...facts, dependsOn: [props.nodes] });
  }
}
