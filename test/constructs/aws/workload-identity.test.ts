import { describe, expect, it } from 'vitest';
import { policyDocument } from '../../../constructs/aws/iam';
import { AwsWorkloadIdentity } from '../../../constructs/aws/workload-identity';
import { ComputeStack, REGION, codeOf, statements, text } from './compute-stack';
import { ForeignBlock } from './data-stack';

function identity(test: ComputeStack, serviceAccountName = 'digits'): AwsWorkloadIdentity {
  const made = test.cloud.security.workloadIdentity(test.stack, 'identity', {
    cluster: test.adoptedCluster(),
    namespace: 'models',
    serviceAccountName,
    naming: ['ml', serviceAccountName],
  });
  return AwsWorkloadIdentity.expect(test.stack, made);
}

describe('a workload identity', () => {
  it('binds one service account to one role, without annotations or labels', () => {
    const test = new ComputeStack();
    const made = identity(test);
    expect(test.only('aws_eks_pod_identity_association')).toMatchObject({
      cluster_name: '${data.aws_eks_cluster.cluster_611F8AFF.name}',
      namespace: 'models',
      service_account: 'digits',
      role_arn: expect.stringMatching(/^\$\{aws_iam_role\./) as string,
    });
    expect([made.serviceAccountAnnotations, made.podLabels]).toEqual([{}, {}]);
  });

  it('has a role that only this account of this cluster can take', () => {
    const test = new ComputeStack();
    identity(test);
    expect(statements(test.only('aws_iam_role')['assume_role_policy'])[0]).toEqual({
      Effect: 'Allow',
      Principal: { Service: ['pods.eks.amazonaws.com'] },
      Action: ['sts:AssumeRole', 'sts:TagSession'],
      Condition: {
        StringEquals: {
          'aws:RequestTag/eks-cluster-arn': '${data.aws_eks_cluster.cluster_611F8AFF.arn}',
          'aws:RequestTag/kubernetes-namespace': 'models',
          'aws:RequestTag/kubernetes-service-account': 'digits',
        },
      },
    });
  });

  it('may do nothing until it is granted something', () => {
    const test = new ComputeStack();
    identity(test);
    expect(Object.keys(test.document().resource ?? {}).sort()).toEqual([
      'aws_eks_pod_identity_association',
      'aws_iam_role',
    ]);
  });

  it('takes a grant as a policy of its role', () => {
    const test = new ComputeStack();
    identity(test).allow('read-models', [{ actions: ['s3:GetObject'], resources: ['arn:aws:s3:::models/*'] }]);
    const policy = test.only('aws_iam_role_policy');
    expect(policy).toMatchObject({ name: 'read-models', role: expect.stringMatching(/^\$\{aws_iam_role\./) as string });
    expect(statements(policy['policy'])[0]).toEqual({
      Effect: 'Allow',
      Action: ['s3:GetObject'],
      Resource: ['arn:aws:s3:::models/*'],
    });
  });

  it('has a legal role name however long the naming is, apart in each region', () => {
    const names = [REGION, 'us-east-1'].map((region) => {
      const test = new ComputeStack({ region });
      identity(test, 'a'.repeat(63));
      return text(test.only('aws_iam_role')['name']);
    });
    expect(new Set(names).size).toBe(2);
    expect(names.filter((name) => name.length > 64)).toEqual([]);
  });

  it('refuses a cluster of another cloud, and is refused as one of another', () => {
    const test = new ComputeStack();
    const cluster = new ForeignBlock(test.stack, 'other') as never;
    const props = { cluster, namespace: 'models', serviceAccountName: 'a', naming: ['ml', 'a'] };
    expect(codeOf(() => test.cloud.security.workloadIdentity(test.stack, 'identity', props))).toBe('LNMT1008');
    expect(codeOf(() => AwsWorkloadIdentity.expect(test.stack, cluster))).toBe('LNMT1008');
    const claims = new ForeignBlock(test.stack, 'claims', 'aws') as never;
    expect(codeOf(() => AwsWorkloadIdentity.expect(test.stack, claims))).toBe('LNMT2003');
  });
});

describe('a policy document', () => {
  it('keeps policy variables of IAM out of the reach of Terraform', () => {
    const text = policyDocument([
      { actions: ['s3:GetObject'], resources: ['arn:aws:s3:::b/${aws:PrincipalTag/kubernetes-namespace}/*'] },
    ]);
    expect(text).toContain('b/$${aws:PrincipalTag/kubernetes-namespace}/*');
  });
});
