import { describe, expect, test } from 'vitest';
import { EXIT_CODES, LABELS, VOLUMES } from '../../../runtime/contract';
import { TrainingQueue, TrainingWorkload } from '../../../constructs/kubernetes';
import type { TrainingQueueProps, TrainingWorkloadProps } from '../../../constructs/kubernetes';
import { GPU_TAINT, poolPlacement } from '../../../constructs/scheduling';
import { checkManifests } from '../../support/kubernetes-check';
import { checkPodSecurity } from '../../support/pod-security';
import type { Json } from '../../support/terraform-json';
import { at, objectOf, render } from './support';

const job = (props: Partial<TrainingWorkloadProps> = {}) =>
  render(
    (scope) =>
      new TrainingWorkload(scope, 'job', {
        name: 'bert',
        namespace: 'training',
        image: 'registry.example.com/lnmt/training@sha256:0123',
        checkpointUri: 's3://checkpoints/bert',
        ...props,
      }),
  );
const FABRIC = { 'vpc.amazonaws.com/efa': '32', 'hugepages-2Mi': '5120Mi' };

describe('a training job', () => {
  const manifests = job({
    nodes: 4,
    gpusPerNode: 8,
    fabricResources: FABRIC,
    queue: 'h100',
    scratchClaimName: 'scratch',
  });
  const spec = at(objectOf(manifests, 'Job'), 'spec');
  const pod = at(spec, 'template.spec');

  test('fits the schemas of its kinds, and its pods pass the restricted standard', async () => {
    expect(await checkManifests(manifests)).toEqual({ faults: [], unmodelled: [], checked: 5 });
    expect(checkPodSecurity(manifests)).toEqual({ faults: [], pods: 1, relaxed: [] });
  });

  test('is one pod a node, ranked by completion index', () => {
    expect(spec).toMatchObject({ completionMode: 'Indexed', completions: 4, parallelism: 4 });
    expect(at(objectOf(manifests, 'ConfigMap'), 'data')).toEqual({
      LNMT_CHECKPOINT_URI: 's3://checkpoints/bert',
      LNMT_CHECKPOINT_DIR: VOLUMES.checkpoints,
      LNMT_SCRATCH_DIR: VOLUMES.scratch,
      LNMT_GPUS_PER_NODE: '8',
      LNMT_NODES: '4',
      LNMT_COORDINATOR: 'bert-0.bert',
    });
  });

  test('its ranks find one another before they are ready, and may talk on any port', () => {
    expect(at(pod, 'subdomain')).toBe('bert');
    expect(at(objectOf(manifests, 'Service', 'bert'), 'spec')).toMatchObject({
      clusterIP: 'None',
      publishNotReadyAddresses: true,
    });
    const policy = at(objectOf(manifests, 'NetworkPolicy'), 'spec');
    const selector = at(policy, 'podSelector');
    expect(at(policy, 'ingress')).toEqual([{ from: [{ podSelector: selector }] }]);
    expect(at(policy, 'egress.0')).toEqual({ to: [{ podSelector: selector }] });
  });

  test('GPUs and fabric are limits written as text', () => {
    expect(at(pod, 'containers.0.resources.limits')).toEqual({ memory: '64Gi', 'nvidia.com/gpu': '8', ...FABRIC });
  });

  test('shared memory is memory, scratch is a claim', () => {
    expect(at(pod, 'volumes')).toEqual(
      expect.arrayContaining([
        { name: 'shared-memory', emptyDir: { medium: 'Memory', sizeLimit: '16Gi' } },
        { name: 'scratch', persistentVolumeClaim: { claimName: 'scratch' } },
      ]),
    );
    expect(at(pod, 'containers.0.volumeMounts')).toContainEqual({ name: 'shared-memory', mountPath: '/dev/shm' });
  });

  test('waits suspended for its queue, and starts at once without one', () => {
    expect(at(spec, 'suspend')).toBe(true);
    expect(at(objectOf(manifests, 'Job'), 'metadata.labels')).toMatchObject({ 'kueue.x-k8s.io/queue-name': 'h100' });
    expect(at(objectOf(job(), 'Job'), 'spec.suspend')).toBe(false);
  });

  test('a lost node is nobody’s fault, and a wrong invocation is not repeated', () => {
    expect(at(spec, 'podFailurePolicy.rules')).toEqual([
      { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
      { action: 'FailJob', onExitCodes: { containerName: 'training', operator: 'In', values: [EXIT_CODES.usage] } },
    ]);
    expect(at(pod, 'restartPolicy')).toBe('Never');
  });

  test('loses no node to one that is cheaper or newer', () => {
    expect(at(spec, 'template.metadata.annotations')).toEqual({
      'karpenter.sh/do-not-disrupt': 'true',
      'cluster-autoscaler.kubernetes.io/safe-to-evict': 'false',
    });
  });

  test('runs on CPUs when asked for no GPU', () => {
    const cpu = at(objectOf(job({ gpusPerNode: 0 }), 'Job'), 'spec.template.spec');
    expect(at(cpu, 'tolerations')).toBeUndefined();
    expect(Object.keys(at(cpu, 'containers.0.resources.limits') as object)).toEqual(['memory']);
  });

  test.each<[string, Partial<TrainingWorkloadProps>, string]>([
    ['no node', { nodes: 0 }, 'LNMT1002 [chart/job]: nodes is out of range; got 0 nodes'],
    ['a negative number of GPUs', { gpusPerNode: -1 }, 'gpusPerNode is out of range; got -1 GPUs'],
    ['no shared memory', { sharedMemoryGiB: 0 }, 'sharedMemoryGiB is out of range'],
    [
      'a setting of its own',
      { env: { LNMT_NODES: '3' } },
      'LNMT3005 [chart/job]: env sets LNMT_NODES, which TrainingWorkload already sets',
    ],
    [
      'one variable twice',
      { env: { A: '1' }, secretEnv: { A: { secret: 's', key: 'k' } } },
      'secretEnv sets A, which env',
    ],
    ['a label that selectors rest on', { podLabels: { [LABELS.name]: 'x' } }, 'LNMT3011'],
    ['an illegal name', { name: '1st' }, 'LNMT3000'],
  ])('refuses %s', (_, props, message) => {
    expect(() => job(props)).toThrow(message);
  });
});

describe('a training queue', () => {
  const queue = (props: Partial<TrainingQueueProps> = {}) =>
    render(
      (scope) =>
        new TrainingQueue(scope, 'queue', {
          name: 'h100',
          namespaces: ['training', 'research'],
          placement: poolPlacement('h100', [GPU_TAINT]),
          maxNodes: 4,
          nodeResources: { cpu: '192', memory: '2048Gi', 'nvidia.com/gpu': '8' },
          ...props,
        }),
    );

  test('hands out what all nodes of the pool offer', () => {
    const group = at(objectOf(queue(), 'ClusterQueue'), 'spec.resourceGroups.0');
    expect(at(group, 'coveredResources')).toEqual(['cpu', 'memory', 'nvidia.com/gpu']);
    expect(at(group, 'flavors')).toEqual([
      {
        name: 'h100',
        resources: [
          { name: 'cpu', nominalQuota: '768' },
          { name: 'memory', nominalQuota: '8192Gi' },
          { name: 'nvidia.com/gpu', nominalQuota: '32' },
        ],
      },
    ]);
  });

  test('every namespace gets a queue, and others may not submit', () => {
    const manifests = queue();
    const local = manifests.filter((m) => m.kind === 'LocalQueue');
    expect(local.map((m) => [m.namespace, m.name, at(m.object, 'spec.clusterQueue')])).toEqual([
      ['training', 'h100', 'h100'],
      ['research', 'h100', 'h100'],
    ]);
    expect(at(objectOf(manifests, 'ClusterQueue'), 'spec.namespaceSelector.matchExpressions.0.values') as Json).toEqual(
      ['training', 'research'],
    );
  });

  test('its flavor is the pool, taint included', () => {
    expect(at(objectOf(queue(), 'ResourceFlavor'), 'spec')).toEqual({
      nodeLabels: { [LABELS.nodePool]: 'h100' },
      tolerations: [{ key: 'nvidia.com/gpu', operator: 'Exists', effect: 'NoSchedule' }],
    });
  });

  test.each<[string, Partial<TrainingQueueProps>, string]>([
    ['a pool without nodes', { maxNodes: 0 }, 'LNMT1002 [chart/queue]: maxNodes is out of range; got 0 nodes'],
    ['a queue that nobody may use', { namespaces: [] }, 'namespaces is out of range'],
    [
      'a node of an unreadable size',
      { nodeResources: { cpu: 'big' } },
      'LNMT3003: nodeResources cpu is not a quantity',
    ],
  ])('refuses %s', (_, props, message) => {
    expect(() => queue(props)).toThrow(message);
  });
});
