import type { IamRole } from '@cdktf/provider-aws/lib/iam-role';
import type { Construct } from 'constructs';
import { serviceRole } from './iam';

/** What the trust policy of a pod's role names. */
export interface PodIdentityRoleProps {
  /** From the general to the particular, e.g. `['ml']`; resource names are made of it. */
  readonly naming: readonly string[];
  /** Code of the region, e.g. `eu-west-1`. */
  readonly region: string;
  /** The cluster whose service account takes the role. */
  readonly cluster: { readonly clusterArn: string };
  /** Namespace of the service account. */
  readonly namespace: string;
  /** Name of the service account. */
  readonly serviceAccountName: string;
}

/**
 * A role that only the named service account of the named cluster can take. Pod Identity tags every session with them,
 * so that an association made for another account cannot borrow the role.
 *
 * @see https://docs.aws.amazon.com/eks/latest/userguide/pod-id-abac.html
 */
export function podIdentityRole(scope: Construct, id: string, props: PodIdentityRoleProps): IamRole {
  return serviceRole(scope, id, {
    naming: props.naming,
    region: props.region,
    services: ['pods.eks.amazonaws.com'],
    description: `Service account ${props.serviceAccountName} of namespace ${props.namespace}`,
    actions: ['sts:AssumeRole', 'sts:TagSession'],
    conditions: {
      StringEquals: {
        'aws:RequestTag/eks-cluster-arn': props.cluster.clusterArn,
        'aws:RequestTag/kubernetes-namespace': props.namespace,
        'aws:RequestTag/kubernetes-service-account': props.serviceAccountName,
      },
    },
  });
}
