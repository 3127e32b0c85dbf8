import fs from 'node:fs';
import path from 'node:path';
import { App } from 'cdktf';
import { parse } from 'yaml';
import { Auth, ClusterAccess, Delivery, Images, Model, Scaling } from '../../../constructs';
import { OnPremCloud, OnPremFileStorage, OnPremObjectStorage } from '../../../constructs/onprem';
import { DIGITS_MODEL } from '../../../examples/quickstart/digits';
import { PlatformStacks } from '../../../stacks';
import { manifestsOf } from '../../support/charts';
import { filesBelow } from '../../support/manifests';
import type { Manifest } from '../../support/manifests';
import { listOf, objectOf } from '../../support/terraform-json';
import type { Json } from '../../support/terraform-json';

/** What the loop is asked to do: replicas, and requests a second that one of them is meant for. */
export const LOOP = { minReplicas: 1, maxReplicas: 6, targetPerPod: 10 } as const;

/** What LNMT synthesized for the loop. */
export interface LoopDescription {
  /** The objects of the endpoint's namespace that a plain cluster knows. */
  readonly manifests: readonly Manifest[];
  /** The adapter's rules, as its chart would get them. */
  readonly rules: readonly Json[];
}

/** Synthesizes one endpoint that follows cpu, memory and requests, and takes from the files what the loop needs. */
export function describeLoop(outdir: string): LoopDescription {
  const app = new App({ outdir });
  new PlatformStacks(app, 'loop', {
    cloud: new OnPremCloud({
      network: { cidr: '10.40.0.0/16' },
      nodes: [{ shape: { vcpus: 16, memoryGiB: 64 }, count: 50 }],
      objectStore: OnPremObjectStorage.s3({
        endpoint: 'https://s3.example.com',
        bucket: 'b',
        credentialsSecret: ['site', 's3'],
      }),
      fileStore: OnPremFileStorage.nfs({ server: 'nfs.example.com', share: '/export' }),
      registry: 'registry.example.com/lnmt',
    }),
    platform: { environment: 'production', access: ClusterAccess.insideNetwork() },
    endpoints: [
      {
        id: 'digits',
        model: Model.fromStore(DIGITS_MODEL.name, Number(DIGITS_MODEL.version)),
        scaling: Scaling.between(LOOP.minReplicas, LOOP.maxReplicas)
          .cpu(70)
          .memory(80)
          .requestsPerSecond(LOOP.targetPerPod)
          .behavior({ scaleDownStabilizationSeconds: 15, scaleDownPercentPerMinute: 100 }),
        auth: Auth.none({ reason: 'the loop runs on this machine only' }),
      },
    ],
    images: Images.from('registry.example.com/lnmt', { inference: `sha256:${'0'.repeat(64)}` }),
    delivery: Delivery.export(),
  });
  app.synth();
  return { manifests: endpointObjects(manifestsOf(outdir)), rules: adapterRules(outdir) };
}

function endpointObjects(all: readonly Manifest[]): Manifest[] {
  const namespace = all.find(({ kind }) => kind === 'HorizontalPodAutoscaler')?.namespace ?? '';
  const plain = /^(v1|apps\/v1|autoscaling\/v2|policy\/v1|networking\.k8s\.io\/v1|rbac\.authorization\.k8s\.io\/v1)$/;
  const chosen = all.filter(
    (m) => plain.test(m.apiVersion) && (m.namespace === namespace || (m.kind === 'Namespace' && m.name === namespace)),
  );
  return [...chosen].sort((a, b) => Number(b.kind === 'Namespace') - Number(a.kind === 'Namespace'));
}

function adapterRules(outdir: string): readonly Json[] {
  const file = filesBelow(outdir, ['values.yaml']).find((name) => name.includes('prometheus-adapter'));
  if (!file) throw new Error('no values of prometheus-adapter were synthesized');
  const values = parse(fs.readFileSync(path.join(outdir, file), 'utf8')) as Json;
  return listOf(objectOf(objectOf(values)['rules'])['custom']);
}
