import { Construct } from 'constructs';
import { testStack } from 'lnmt/testing';
import { describe, expect, it } from 'vitest';
import * as errors from '../../constructs/errors';

const scope = new Construct(testStack(), 'ml');
const { LnmtError } = errors;

describe('LnmtError', () => {
  const error = new LnmtError('LNMT1002', scope, { what: 'a is wrong', got: '3', allowed: '1 or 2', remedy: 'set a' });

  it('says what, got, allowed and remedy, with code and path', () => {
    expect(error.message).toBe('LNMT1002 [test/ml]: a is wrong; got 3; allowed: 1 or 2; set a');
    expect(error).toMatchObject({ name: 'LnmtError', code: 'LNMT1002', constructPath: 'test/ml' });
  });

  it('leaves out what is not known', () => {
    expect(new LnmtError('LNMT1002', undefined, { what: 'a is wrong', remedy: 'set a' }).message).toBe(
      'LNMT1002: a is wrong; set a',
    );
  });

  it('is recognised across copies of the package, and nothing else is', () => {
    const twin: unknown = Object.assign(new Error('x'), { [Symbol.for('lnmt/error')]: true });
    expect(LnmtError.isLnmtError(error)).toBe(true);
    expect(LnmtError.isLnmtError(twin)).toBe(true);
    expect([new Error('x'), undefined, 'LNMT1002', {}].map(LnmtError.isLnmtError)).toEqual([
      false,
      false,
      false,
      false,
    ]);
  });
});

describe('messages of descriptions', () => {
  it.each<readonly [string, Error, string]>([
    [
      'LNMT1001',
      errors.unusableName(scope, 'name', '!!'),
      'name must hold at least one letter or digit; got "!!"; choose another name',
    ],
    [
      'LNMT1005',
      errors.unsupportedKubernetesVersion(scope, '1.27', ['1.36']),
      'kubernetesVersion is not supported; got "1.27"; allowed: 1.36; choose one of these minors',
    ],
    [
      'LNMT1006',
      errors.noShapeFits(scope, 'aws', '9 x nvidia-h100', ['p5.48xlarge']),
      'aws has no node shape with 9 x nvidia-h100; allowed: nearest offers: p5.48xlarge; ask for one of the nearest offers',
    ],
    [
      'LNMT1006',
      errors.noShapeFits(scope, 'onprem', 'no accelerator', []),
      'onprem has no node shape with no accelerator; allowed: nothing comparable is offered',
    ],
    [
      'LNMT1007',
      errors.capabilityGap(scope, 'onprem', 'spot-capacity', { reason: 'none', alternative: 'use on-demand' }),
      'onprem does not offer spot-capacity: none; use on-demand',
    ],
    [
      'LNMT1008',
      errors.wrongCloud(scope, 'network', { cloud: 'aws', path: 'a/vpc' }, 'onprem'),
      'network belongs to another cloud; got an object of aws (a/vpc); allowed: an object of onprem; create or import network',
    ],
    [
      'LNMT1008',
      errors.wrongCloud(scope, 'network', { cloud: 'aws' }, 'onprem'),
      'network belongs to another cloud; got an object of aws; allowed',
    ],
    [
      'LNMT1009',
      errors.poolTooSmall(scope, { maxReplicas: 50, surge: 0, perNode: 8, nodes: 7 }, { name: 'gpus', maxNodes: 4 }),
      'maxReplicas does not fit into pool gpus; got 50 replicas at 8 a node, which is 7 nodes; ' +
        'allowed: 4 nodes (maxNodes), so at most 32 replicas; raise maxNodes of the pool, lower maxReplicas, or relax spread',
    ],
    [
      'LNMT1009',
      errors.poolTooSmall(scope, { maxReplicas: 4, surge: 1, perNode: 1, nodes: 5 }, { name: 'gpus', maxNodes: 4 }),
      'maxReplicas does not fit into pool gpus; got 4 replicas and 1 more while they are updated, at 1 a node, which is 5 nodes; allowed: 4 nodes (maxNodes), ' +
        'so at most 3 replicas; raise maxNodes of the pool, lower maxReplicas, or relax spread or rollout, ' +
        'e.g. Rollout.rolling({ maxUnavailable: 1, maxSurge: 0 })',
    ],
    [
      'LNMT1010',
      errors.missingImageDigest(scope, 'inference-cuda', ['inference']),
      'images has no digest for inference-cuda; got digests for inference; allowed: sha256:<64 hexadecimal digits>',
    ],
    [
      'LNMT1010',
      errors.missingImageDigest(scope, 'inference', []),
      'images has no digest for inference; got no digests;',
    ],
    [
      'LNMT1011',
      errors.wrongStack(scope, 'endpoint digits', 'ml-infra'),
      'endpoint digits cannot live in the infrastructure stack; got stack ml-infra; allowed: any other stack of the app',
    ],
    [
      'LNMT1012',
      errors.twoPlatforms(scope, 'ml', 'ml/first'),
      'stack ml already holds a platform; got a second one beside ml/first; allowed: one platform a stack',
    ],
    [
      'LNMT1023',
      errors.replicaFitsNoNode(
        scope,
        { property: 'resources.cpu', place: 'with nvidia-l4', gpus: 1, cpu: '100', memory: '2Gi' },
        ['a (gpus 1, cpu 3.6, memory 13.6Gi)', 'b (gpus 1, cpu 1.8, memory 6.8Gi)'],
      ),
      'resources.cpu of a replica fits no node with nvidia-l4; got gpus 1, cpu 100, memory 2Gi; ' +
        'allowed: a (gpus 1, cpu 3.6, memory 13.6Gi); b (gpus 1, cpu 1.8, memory 6.8Gi); ' +
        'lower cpu or memory of resources, or choose larger nodes by accelerator or nodes',
    ],
    [
      'LNMT1024',
      errors.architectureMismatch(scope, ['amd64'], { name: 'gpus', shape: { name: 'x', architecture: 'arm64' } }),
      'architectures has no build for the nodes of pool gpus; got amd64, and nodes of x, which are arm64; ' +
        'allowed: architectures with arm64, or nodes of amd64; build the image on a machine of arm64 and set ' +
        "architectures: ['arm64'], or choose other nodes by accelerator, prices or nodes",
    ],
    ['LNMT1020', errors.takenId(scope, 'digits'), 'id "digits" is taken; got a second "digits" in'],
    [
      'LNMT1013',
      errors.blockSwitchedOff(scope, 'modelStore', 'endpoint digits'),
      'endpoint digits needs modelStore, which this platform does not have; drop Block.off() for modelStore',
    ],
    [
      'LNMT1014',
      errors.unusableCidr(scope, 'network.cidr', '10.0.0.0/30', '/16 to /20'),
      'network.cidr cannot be used; got "10.0.0.0/30"; allowed: /16 to /20; choose another range for network.cidr',
    ],
    [
      'LNMT1015',
      errors.documentApiMismatch(scope, 'mongodb', ['dynamodb']),
      'the document store speaks another API than its consumer; got mongodb; allowed: dynamodb',
    ],
    [
      'LNMT1017',
      errors.modelMissing(scope, 'digits', '3'),
      'model digits version 3 is not in the store; run `lnmt model push digits FILE --version 3` before the workloads',
    ],
    [
      'LNMT1018',
      errors.noWorkloadsStack(scope, 'ml'),
      'platform ml has no workloads stack yet; call platform.workloads(stack) first, or use PlatformStacks',
    ],
    [
      'LNMT1010',
      errors.imageWithoutDigest(scope, 'registry/inference:1'),
      'image is not named by its digest; got "registry/inference:1"; allowed: registry/name@sha256:<64 hexadecimal digits>; pass',
    ],
    [
      'LNMT1021',
      errors.providerNotBundled(scope, 'tensorrt', ['cpu', 'cuda']),
      'the bundled image has no libraries for executionProvider tensorrt; got executionProvider tensorrt without image; allowed: cpu, cuda; any other',
    ],
    [
      'LNMT1022',
      errors.acceleratorsIdle(scope, 'gpus', 4),
      'gpus asks for accelerators that nothing would use; got 4 for each replica; allowed: 1; drop gpus and raise the replicas',
    ],
  ])('%s', (code, error, text) => {
    expect(error).toMatchObject({ code });
    expect(error.message).toContain(`${code} [test/ml]: ${text}`);
    expect(error.message).not.toMatch(/\.$/);
  });
});
