import { LocalBackend, TerraformOutput, TerraformStack, Testing } from 'cdktf';
import { describe, expect, it } from 'vitest';
import { KmsKey } from '../../../constructs/aws/encryption-key';
import { EksCluster } from '../../../constructs/aws/cluster';
import { VpcNetwork } from '../../../constructs/aws/network';
import { ClusterAccess } from '../../../constructs/cloud/cluster';
import { LnmtError } from '../../../constructs/errors';
import type { JsonObject } from '../../support/terraform-json';
import { checkManifests } from '../../support/kubernetes-check';
import { manifestOf } from '../../support/manifests';
import { ComputeStack, REGION, codeOf, objectsOf, statements, text } from './compute-stack';
import { ForeignBlock } from './data-stack';

const KEY_ARN = `arn:aws:kms:${REGION}:111122223333:key/k`;

function addon(test: ComputeStack, name: string): JsonObject {
  return test.where('aws_eks_addon', 'addon_name', name);
}

function configuration(test: ComputeStack, name: string): unknown {
  return JSON.parse(text(addon(test, name)['configuration_values']));
}

describe('an EKS cluster', () => {
  it('keeps its endpoint private besides the ranges that are listed', () => {
    const test = new ComputeStack();
    test.cluster();
    expect(test.only('aws_eks_cluster')['vpc_config']).toEqual({
      subnet_ids: ['subnet-1', 'subnet-2', 'subnet-3'],
      endpoint_private_access: true,
      endpoint_public_access: true,
      public_access_cidrs: ['203.0.113.0/24'],
    });
    expect(test.all('aws_vpc_security_group_ingress_rule')).toEqual([]);
  });

  it('has no public endpoint for deployers inside the network, and lets the network in by HTTPS', () => {
    const test = new ComputeStack();
    test.cluster({ access: ClusterAccess.insideNetwork() });
    const vpc = test.only('aws_eks_cluster')['vpc_config'];
    expect(vpc).toMatchObject({ endpoint_private_access: true, endpoint_public_access: false });
    expect(vpc).not.toHaveProperty('public_access_cidrs');
    expect(test.only('aws_vpc_security_group_ingress_rule')).toMatchObject({
      security_group_id: '${aws_eks_cluster.ml_cluster.vpc_config[0].cluster_security_group_id}',
      cidr_ipv4: '10.0.0.0/16',
      from_port: 443,
    });
  });

  it('writes all five logs to a group that exists before, for a year', () => {
    const test = new ComputeStack();
    test.cluster();
    const cluster = test.only('aws_eks_cluster');
    expect(cluster['enabled_cluster_log_types']).toEqual([
      'api',
      'audit',
      'authenticator',
      'controllerManager',
      'scheduler',
    ]);
    const group = test.where('aws_cloudwatch_log_group', 'name', '/aws/eks/ml/cluster');
    expect(group['retention_in_days']).toBe(365);
    expect(cluster['depends_on']).toEqual(
      expect.arrayContaining([expect.stringMatching(/^aws_cloudwatch_log_group\./)]) as unknown,
    );
  });

  it('encrypts secrets and logs with the key that it is given', () => {
    const test = new ComputeStack();
    test.cluster({ encryptionKey: KmsKey.fromKey(test.stack, 'key', { keyArn: KEY_ARN }) });
    expect(test.only('aws_eks_cluster')['encryption_config']).toEqual({
      provider: { key_arn: KEY_ARN },
      resources: ['secrets'],
    });
    expect(test.only('aws_cloudwatch_log_group')['kms_key_id']).toBe(KEY_ARN);
    const policy = statements(test.where('aws_iam_role_policy', 'name', 'encrypt-secrets')['policy'])[0];
    expect(policy?.['Resource']).toEqual([KEY_ARN]);
  });

  it('stays within standard support and brings no add-ons but its own', () => {
    const test = new ComputeStack();
    test.cluster();
    expect(test.only('aws_eks_cluster')).toMatchObject({
      version: '1.36',
      upgrade_policy: { support_type: 'STANDARD' },
      bootstrap_self_managed_addons: false,
      zonal_shift_config: { enabled: true },
    });
  });

  it('is protected by Terraform and by AWS, at an address that survives a move', () => {
    const test = new ComputeStack();
    test.cluster();
    expect(Object.keys(test.document().resource?.['aws_eks_cluster'] ?? {})).toEqual(['ml_cluster']);
    expect(test.only('aws_eks_cluster')).toMatchObject({
      deletion_protection: true,
      lifecycle: { prevent_destroy: true },
    });
  });

  it('can be torn down when the program says so', () => {
    const test = new ComputeStack();
    test.cluster({ onRemoval: 'destroy' });
    const cluster = test.only('aws_eks_cluster');
    expect(cluster['deletion_protection']).toBe(false);
    expect(cluster['lifecycle']).not.toHaveProperty('prevent_destroy');
  });

  it('makes whoever deploys its administrator when nobody is named', () => {
    const test = new ComputeStack();
    test.cluster();
    expect(test.only('aws_eks_cluster')['access_config']).toEqual({
      authentication_mode: 'API',
      bootstrap_cluster_creator_admin_permissions: true,
    });
    expect(test.all('aws_eks_access_entry').map((entry) => entry['type'])).toEqual(['EC2_LINUX']);
  });

  it('makes the named principals its administrators, and nobody else', () => {
    const test = new ComputeStack();
    const administrators = ['arn:aws:iam::111122223333:role/a', 'arn:aws:iam::111122223333:role/b'];
    test.cluster({ administrators });
    expect(test.only('aws_eks_cluster')['access_config']).toMatchObject({
      bootstrap_cluster_creator_admin_permissions: false,
    });
    const people = test.all('aws_eks_access_entry').filter((entry) => entry['type'] === 'STANDARD');
    expect(people.map((entry) => entry['principal_arn'])).toEqual(administrators);
    const policies = test.all('aws_eks_access_policy_association');
    expect(policies).toHaveLength(2);
    expect(policies[0]).toMatchObject({
      policy_arn: 'arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy',
      access_scope: { type: 'cluster' },
    });
  });

  it('is not replaced when administrators are named later', () => {
    const test = new ComputeStack();
    test.cluster();
    expect(test.only('aws_eks_cluster')['lifecycle']).toMatchObject({
      ignore_changes: ['access_config[0].bootstrap_cluster_creator_admin_permissions'],
    });
  });

  it('is reached with a credential that a command prints, never with one in the state', () => {
    const test = new ComputeStack();
    const { connection, kubeconfigCommand } = test.cluster();
    expect(test.resolve(connection)).toEqual({
      kind: 'exec',
      host: '${aws_eks_cluster.ml_cluster.endpoint}',
      certificateAuthorityData: '${aws_eks_cluster.ml_cluster.certificate_authority[0].data}',
      command: 'aws',
      args: ['eks', 'get-token', '--region', REGION, '--cluster-name', '${aws_eks_cluster.ml_cluster.name}'],
    });
    expect(test.resolve(kubeconfigCommand)).toBe(
      `aws eks update-kubeconfig --region ${REGION} --name \${aws_eks_cluster.ml_cluster.name}`,
    );
  });

  it('can be reached from another stack', () => {
    const test = new ComputeStack();
    const { connection } = test.cluster();
    const workloads = new TerraformStack(test.app, 'ml-workloads');
    new LocalBackend(workloads, { path: 'other.tfstate' });
    new TerraformOutput(workloads, 'host', { value: (connection as { readonly host: string }).host });
    workloads.prepareStack();
    const { output } = JSON.parse(Testing.synth(workloads)) as { readonly output: JsonObject };
    expect(output['host']).toMatchObject({
      value: expect.stringMatching(/terraform_remote_state.*ml_clusterendpoint/) as string,
    });
  });

  it('keeps its resource names apart from those of the same platform in another region', () => {
    const names = ['eu-west-1', 'us-east-1'].map((region) => {
      const test = new ComputeStack({ region });
      test.cluster();
      return test.all('aws_iam_role').map((role) => text(role['name']));
    });
    const [europe = [], america = []] = names;
    expect(europe.filter((name) => america.includes(name))).toEqual([]);
    expect([...europe, ...america].filter((name) => name.length > 64)).toEqual([]);
  });

  it('refuses a network of another cloud', () => {
    const test = new ComputeStack();
    const network = new ForeignBlock(test.stack, 'other') as never;
    expect(() => test.cluster({ network })).toThrow(LnmtError);
    expect(codeOf(() => new ComputeStack().cluster({ network }))).toBe('LNMT1008');
  });
});

describe('add-ons of an EKS cluster', () => {
  it('are those that every platform needs, in the version that EKS recommends', () => {
    const test = new ComputeStack();
    test.cluster();
    const addons = test.all('aws_eks_addon');
    expect(addons.map((each) => each['addon_name']).sort()).toEqual([
      'aws-ebs-csi-driver',
      'coredns',
      'eks-node-monitoring-agent',
      'eks-pod-identity-agent',
      'kube-proxy',
      'metrics-server',
      'vpc-cni',
    ]);
    expect(addons.filter((each) => 'addon_version' in each)).toEqual([]);
    expect(new Set(addons.map((each) => each['resolve_conflicts_on_update']))).toEqual(new Set(['PRESERVE']));
  });

  it('enforce NetworkPolicies', () => {
    const test = new ComputeStack();
    test.cluster();
    expect(configuration(test, 'vpc-cni')).toMatchObject({
      enableNetworkPolicy: 'true',
      env: { ENABLE_PREFIX_DELEGATION: 'true' },
    });
  });

  it('tolerate the taint of the system pool', () => {
    const test = new ComputeStack();
    test.cluster();
    const tolerations = [{ key: 'CriticalAddonsOnly', operator: 'Exists' }];
    expect(configuration(test, 'coredns')).toEqual({ tolerations });
    expect(configuration(test, 'metrics-server')).toEqual({ tolerations });
    expect(configuration(test, 'aws-ebs-csi-driver')).toEqual({ controller: { tolerations } });
  });

  it('call AWS as themselves and not as the node', () => {
    const test = new ComputeStack();
    test.cluster();
    expect(addon(test, 'vpc-cni')['pod_identity_association']).toMatchObject([{ service_account: 'aws-node' }]);
    expect(addon(test, 'aws-ebs-csi-driver')['pod_identity_association']).toMatchObject([
      { service_account: 'ebs-csi-controller-sa' },
    ]);
    const policies = test.all('aws_iam_role_policy_attachment').map((each) => text(each['policy_arn']));
    expect(policies.filter((arn) => arn.endsWith('AmazonEKS_CNI_Policy'))).toHaveLength(1);
  });

  it('stand in the order that nodes need: networking before them, Deployments after', () => {
    const test = new ComputeStack();
    test.cluster();
    const nodes = test.only('aws_eks_node_group')['depends_on'] as string[];
    expect(nodes.filter((each) => each.startsWith('aws_eks_addon.'))).toHaveLength(3);
    expect(addon(test, 'coredns')['depends_on']).toEqual([expect.stringMatching(/^aws_eks_node_group\./)]);
  });
});

describe('the system pool', () => {
  it('holds nothing but add-ons, on encrypted machines that show pods no metadata', () => {
    const test = new ComputeStack({ tags: { team: 'research' } });
    test.cluster();
    expect(test.only('aws_eks_node_group')).toMatchObject({
      ami_type: 'AL2023_x86_64_STANDARD',
      capacity_type: 'ON_DEMAND',
      instance_types: ['m7i.large'],
      scaling_config: { min_size: 2, desired_size: 2, max_size: 4 },
      taint: [{ key: 'CriticalAddonsOnly', value: 'true', effect: 'NO_SCHEDULE' }],
      labels: { 'lnmt.dev/node-pool': 'system' },
      node_repair_config: { enabled: true },
    });
    const template = test.only('aws_launch_template');
    expect(template).toMatchObject({
      metadata_options: { http_tokens: 'required', http_put_response_hop_limit: 1 },
      block_device_mappings: [{ ebs: { encrypted: 'true', volume_type: 'gp3' } }],
    });
    expect(template).not.toHaveProperty('key_name');
    const [instance] = template['tag_specifications'] as JsonObject[];
    expect(instance).toMatchObject({ resource_type: 'instance', tags: { team: 'research' } });
  });

  it('takes the size that it is given', () => {
    const test = new ComputeStack();
    test.cluster({ systemNodes: { minNodes: 3, maxNodes: 6, vcpus: 4, memoryGiB: 32 } });
    expect(test.only('aws_eks_node_group')).toMatchObject({
      instance_types: ['r7i.xlarge'],
      scaling_config: { min_size: 3, desired_size: 3, max_size: 6 },
    });
  });

  it('refuses reversed bounds and an empty pool', () => {
    expect(codeOf(() => new ComputeStack().cluster({ systemNodes: { minNodes: 5, maxNodes: 3 } }))).toBe('LNMT1003');
    expect(codeOf(() => new ComputeStack().cluster({ systemNodes: { minNodes: 0 } }))).toBe('LNMT1002');
  });

  it('gives nodes the right to register, pull images and be reached by Session Manager, and none to change a network', () => {
    const test = new ComputeStack();
    test.cluster();
    const roles = test.document().resource?.['aws_iam_role_policy_attachment'] ?? {};
    const policies = Object.entries(roles)
      .filter(([name]) => name.includes('KarpenterNode'))
      .map(([, each]) => text(each['policy_arn']).replace('arn:aws:iam::aws:policy/', ''));
    expect(policies.sort()).toEqual([
      'AmazonEC2ContainerRegistryPullOnly',
      'AmazonEKSWorkerNodePolicy',
      'AmazonSSMManagedInstanceCore',
    ]);
  });
});

describe('Karpenter', () => {
  function controller(test: ComputeStack): Readonly<Record<string, JsonObject>> {
    const policies = test.all('aws_iam_role_policy');
    return Object.assign({}, ...policies.map((each) => statements(each['policy']))) as Record<string, JsonObject>;
  }

  it('may end only machines of its own cluster', () => {
    const test = new ComputeStack();
    test.cluster();
    expect(controller(test)['EndOwn']).toMatchObject({
      Action: ['ec2:TerminateInstances', 'ec2:DeleteLaunchTemplate'],
      Condition: {
        StringEquals: { 'aws:ResourceTag/kubernetes.io/cluster/${aws_eks_cluster.ml_cluster.name}': 'owned' },
        StringLike: { 'aws:ResourceTag/karpenter.sh/nodepool': '*' },
      },
    });
  });

  it('may launch into reservations and placement groups', () => {
    const test = new ComputeStack();
    test.cluster();
    expect(controller(test)['LaunchWith']?.['Resource']).toEqual(
      expect.arrayContaining([
        `arn:aws:ec2:${REGION}:*:capacity-reservation/*`,
        `arn:aws:ec2:${REGION}:*:placement-group/*`,
      ]) as unknown,
    );
  });

  it('may pass machines the role of nodes and no other', () => {
    const test = new ComputeStack();
    test.cluster();
    const pass = controller(test)['PassNodeRole'];
    expect(pass?.['Resource']).toEqual([
      expect.stringMatching(/^\$\{aws_iam_role\.cluster_KarpenterNodeRole_.*\.arn\}$/),
    ]);
    expect(pass?.['Condition']).toEqual({
      StringEquals: { 'iam:PassedToService': ['ec2.amazonaws.com', 'ec2.amazonaws.com.cn'] },
    });
  });

  it('has no action on everything but reading', () => {
    const test = new ComputeStack();
    test.cluster();
    const wide = Object.values(controller(test)).filter((each) => JSON.stringify(each['Resource']) === '["*"]');
    const actions = wide.flatMap((each) => each['Action'] as string[]);
    expect(actions.filter((action) => !/:(Describe|Get|List)/.test(action))).toEqual([]);
  });

  it('stays inside the size that IAM allows for inline policies of a role', () => {
    const test = new ComputeStack();
    test.cluster();
    const size = test
      .all('aws_iam_role_policy')
      .map((each) => text(each['policy']).replace(/\$\{[^}]*\}/g, 'x'.repeat(100)).length)
      .reduce((sum, each) => sum + each, 0);
    expect(size).toBeLessThan(10_240);
  });

  it('hears of interruptions through a queue that only those events may write', () => {
    const test = new ComputeStack();
    test.cluster();
    expect(test.only('aws_sqs_queue')).toMatchObject({ sqs_managed_sse_enabled: true });
    expect(test.all('aws_cloudwatch_event_rule')).toHaveLength(5);
    expect(test.all('aws_cloudwatch_event_target')).toHaveLength(5);
    const policy = statements(test.only('aws_sqs_queue_policy')['policy']);
    expect(policy['Events']).toMatchObject({ Principal: { Service: ['events.amazonaws.com'] } });
    expect((policy['Events']?.['Condition'] as JsonObject)['ArnEquals']).toHaveProperty(['aws:SourceArn', 'length'], 5);
    expect(policy['TlsOnly']).toMatchObject({ Effect: 'Deny', Principal: '*' });
  });

  it('runs as the service account that its chart creates, and is told queue and cluster', () => {
    const test = new ComputeStack();
    const cluster = test.cluster();
    expect(test.only('aws_eks_pod_identity_association')).toMatchObject({
      namespace: 'kube-system',
      service_account: 'karpenter',
    });
    const [, chart] = cluster.kubernetes.addons;
    expect(test.resolve(chart?.values?.['settings'])).toEqual({
      clusterName: '${aws_eks_cluster.ml_cluster.name}',
      interruptionQueue: expect.stringMatching(/^\$\{aws_sqs_queue\..*\.name\}$/) as string,
    });
  });
});

describe('what an EKS cluster brings into itself', () => {
  it('is an encrypted default StorageClass', async () => {
    const objects = objectsOf(new ComputeStack().cluster());
    expect(objects).toMatchObject([
      {
        kind: 'StorageClass',
        metadata: { annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
        provisioner: 'ebs.csi.aws.com',
        parameters: { type: 'gp3', encrypted: 'true' },
        volumeBindingMode: 'WaitForFirstConsumer',
      },
    ]);
    const verdict = await checkManifests(objects.map((each) => manifestOf(each, 'cluster')));
    expect(verdict).toEqual({ faults: [], unmodelled: [], checked: 1 });
  });

  it('is Karpenter, definitions first', () => {
    const { addons } = new ComputeStack().cluster().kubernetes;
    expect(addons.map((each) => [each.name, each.layer])).toEqual([
      ['karpenter-crd', '00-crds'],
      ['karpenter', '10-operators'],
    ]);
  });

  it('is not metrics-server, which EKS keeps', () => {
    expect(new ComputeStack().cluster().servesResourceMetrics).toBe(true);
  });
});

describe('an adopted EKS cluster', () => {
  it('creates nothing and is reached in the same way', () => {
    const test = new ComputeStack();
    const cluster = test.adoptedCluster();
    expect(EksCluster.expect(test.stack, cluster)).toBe(cluster);
    expect(test.document().resource).toBeUndefined();
    expect(test.resolve(cluster.connection)).toMatchObject({
      kind: 'exec',
      host: '${data.aws_eks_cluster.cluster_611F8AFF.endpoint}',
    });
    expect(cluster.servesResourceMetrics).toBe(false);
  });

  it('stops the deployment when it runs another version', () => {
    const test = new ComputeStack();
    test.adoptedCluster();
    expect(test.only('aws_eks_cluster', 'data')).toMatchObject({
      lifecycle: { postcondition: [{ condition: '${self.version == "1.36"}' }] },
    });
  });

  it('refuses an unsupported version and a malformed region', () => {
    const { stack } = new ComputeStack();
    const adopt = (id: string, version: string, region: string): unknown =>
      EksCluster.fromCluster(stack, id, { clusterName: 'ml', region, version: version as '1.36' });
    expect(codeOf(() => adopt('a', '1.29', REGION))).toBe('LNMT1005');
    expect(codeOf(() => adopt('b', '1.36', 'Ireland'))).toBe('LNMT2001');
  });

  it('refuses a cluster of another cloud', () => {
    const test = new ComputeStack();
    const other = new ForeignBlock(test.stack, 'other') as never;
    expect(codeOf(() => EksCluster.expect(test.stack, other))).toBe('LNMT1008');
    const network = new ForeignBlock(test.stack, 'claims', 'aws') as never;
    expect(codeOf(() => VpcNetwork.expect(test.stack, network))).toBe('LNMT2003');
  });
});
