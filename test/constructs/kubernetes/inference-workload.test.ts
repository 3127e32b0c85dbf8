import { describe, expect, test } from 'vitest';
import {
  API_KEYS_FILE,
  IMAGE_COMMANDS,
  LABELS,
  PATHS,
  PORTS,
  REQUESTS_PER_SECOND_METRIC,
  RUN_AS,
  SHUTDOWN,
  VOLUMES,
  featuresOfSettings,
} from '../../../runtime/contract';
import { Auth, PodResources, Rollout, Scaling, SecretReference } from '../../../constructs/kubernetes';
import type { InferenceWorkloadProps } from '../../../constructs/kubernetes';
import { GPU_TAINT, poolPlacement } from '../../../constructs/scheduling';
import { readConfig } from '../../../runtime/inference/config';
import { checkManifests } from '../../support/kubernetes-check';
import { checkPodSecurity } from '../../support/pod-security';
import type { Json, JsonObject } from '../../support/terraform-json';
import { at, containerOf, objectOf, podOf, workload } from './support';

const TOKEN = '${TfToken[TOKEN.3]}';
const GPU = { resourceName: 'nvidia.com/gpu', count: 1 };
const STORE = { storeName: 'lnmt', externalKey: (name: string) => `ml/${name}` };
const EVERYTHING: Partial<InferenceWorkloadProps> = {
  files: { pipelines: '{"pipelines":[]}' },
  tls: { secretName: TOKEN },
  auditLog: { claimName: TOKEN },
  scaling: Scaling.between(3, 50).cpu(70).memory(80).requestsPerSecond(100),
  auth: Auth.apiKeys(SecretReference.fromStore('api-keys')),
  secretStore: STORE,
  accelerator: GPU,
  placement: poolPlacement('gpus', [GPU_TAINT]),
  spread: 'strict',
  grpc: true,
  scraperNamespace: 'monitoring',
  ingressFrom: [{ description: 'gateway', namespace: { name: 'edge', podLabels: { app: 'gateway' } } }],
  egress: [{ description: 'store', cidrs: ['10.0.0.0/8'], ports: [{ port: 443, protocol: 'TCP' }] }],
  env: { AWS_REGION: 'eu-west-1' },
  secretEnv: { AWS_ACCESS_KEY_ID: { secret: 'store-keys', key: 'AWS_ACCESS_KEY_ID' } },
  secretFiles: { LNMT_TELEMETRY_TOKEN_FILE: SecretReference.fromKubernetes('collector') },
  serviceAccount: { name: 'digits-models', annotations: { 'eks.amazonaws.com/role-arn': TOKEN } },
  podLabels: { 'azure.workload.identity/use': 'true' },
  priorityClassName: 'serving',
  platform: 'ml',
};

describe('the objects of an inference workload', () => {
  test('all fit the schemas of their kinds', async () => {
    for (const manifests of [workload(), workload(EVERYTHING)]) {
      expect(await checkManifests(manifests)).toEqual({ faults: [], unmodelled: [], checked: manifests.length });
    }
  });

  test('every pod passes the restricted standard, with and without a GPU', () => {
    expect(checkPodSecurity([...workload(), ...workload(EVERYTHING)])).toEqual({ faults: [], pods: 2, relaxed: [] });
  });

  test('the smallest one brings these kinds and no others', () => {
    expect(
      workload()
        .map((m) => `${m.kind} ${m.name}`)
        .sort(),
    ).toEqual([
      'ConfigMap digits-config',
      'Deployment digits',
      'HorizontalPodAutoscaler digits-hpa',
      'NetworkPolicy digits',
      'PodDisruptionBudget digits',
      'Service digits',
      'ServiceAccount digits',
    ]);
  });

  test('the same props give the same bytes', () => {
    expect(JSON.stringify(workload(EVERYTHING))).toBe(JSON.stringify(workload(EVERYTHING)));
  });

  test('every selector selects the pods, and nothing but them', () => {
    const manifests = workload(EVERYTHING);
    const labels = at(objectOf(manifests, 'Deployment'), 'spec.template.metadata.labels') as Record<string, string>;
    const selectors = [
      at(objectOf(manifests, 'Deployment'), 'spec.selector.matchLabels'),
      at(objectOf(manifests, 'Service', 'digits'), 'spec.selector'),
      at(objectOf(manifests, 'Service', 'digits-metrics'), 'spec.selector'),
      at(objectOf(manifests, 'PodDisruptionBudget'), 'spec.selector.matchLabels'),
      at(objectOf(manifests, 'NetworkPolicy'), 'spec.podSelector.matchLabels'),
      at(
        podOf(manifests),
        'affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution.0.labelSelector.matchLabels',
      ),
    ];
    for (const selector of selectors) expect(labels).toMatchObject(selector as Record<string, string>);
    expect(new Set(selectors.map((selector) => JSON.stringify(selector))).size).toBe(1);
    expect(Object.values(selectors[0] as Record<string, string>)).toContain('digits');
  });
});

describe('the pod of an inference workload', () => {
  test('is started, probed and stopped as the contract says', () => {
    const container = containerOf(workload());
    expect(at(container, 'command')).toEqual(IMAGE_COMMANDS.inference);
    expect(at(container, 'startupProbe.httpGet')).toEqual({ path: PATHS.startup, port: 'metrics', scheme: 'HTTP' });
    expect(at(container, 'livenessProbe.httpGet.path')).toBe(PATHS.live);
    expect(at(container, 'readinessProbe.httpGet.path')).toBe(PATHS.ready);
    expect(at(container, 'lifecycle.preStop')).toEqual({ sleep: { seconds: SHUTDOWN.preStopSleep } });
  });

  test.each([
    [{}, '25', 45],
    [{ graceSeconds: 600 }, '600', 620],
  ])('gives requests in flight their time, and itself as much more as it takes to end: %o', (props, grace, pod) => {
    const manifests = workload(props);
    expect(at(objectOf(manifests, 'ConfigMap'), 'data.LNMT_GRACE_SECONDS')).toBe(grace);
    expect(at(podOf(manifests), 'terminationGracePeriodSeconds')).toBe(pod);
  });

  test.each([
    [{}, 120],
    [{ accelerator: GPU }, 600],
    [{ startupSeconds: 91 }, 185],
  ])('may take twice the expected time to start: %o', (props, seconds) => {
    const probe = at(containerOf(workload(props)), 'startupProbe') as Record<string, number>;
    expect((probe['periodSeconds'] ?? 0) * (probe['failureThreshold'] ?? 0)).toBe(seconds);
    expect(at(objectOf(workload(props), 'Deployment'), 'spec.progressDeadlineSeconds')).toBeGreaterThan(seconds);
  });

  test.each<[Partial<InferenceWorkloadProps>, string | undefined]>([
    [{}, undefined],
    [{ accelerator: GPU }, undefined],
    [{ startupSeconds: 1800 }, '3600'],
    [{ startupSeconds: 1800, env: { LNMT_LOAD_TIMEOUT_SECONDS: '900' } }, '900'],
  ])('may take as long to load its model as to start, unless told otherwise: %o', (props, seconds) => {
    expect(at(objectOf(workload(props), 'ConfigMap'), 'data.LNMT_LOAD_TIMEOUT_SECONDS')).toBe(seconds);
  });

  test('its GPU limit is text in the rendered manifest, and the libraries of the GPU have room beside the model', () => {
    const resources = at(containerOf(workload({ accelerator: GPU })), 'resources');
    expect(at(resources as Json, 'limits')).toEqual({ memory: '8Gi', 'nvidia.com/gpu': '1' });
    expect(at(resources as Json, 'requests')).toEqual({ cpu: '1', memory: '8Gi', 'nvidia.com/gpu': '1' });
  });

  test('with a GPU it tolerates the GPU taint with any value, and goes to its pool', () => {
    const pod = podOf(workload({ accelerator: GPU, placement: poolPlacement('gpus', [GPU_TAINT]) }));
    expect(at(pod, 'tolerations')).toEqual([{ key: 'nvidia.com/gpu', operator: 'Exists', effect: 'NoSchedule' }]);
    expect(at(pod, 'nodeSelector')).toEqual({ [LABELS.nodePool]: 'gpus' });
  });

  test('tolerates exactly the taints of its pool', () => {
    const taint = { key: 'team', value: 'vision', effect: 'NoExecute' } as const;
    const pod = podOf(workload({ placement: { nodeSelector: {}, tolerations: [taint] } }));
    expect(at(pod, 'tolerations')).toEqual([{ key: 'team', operator: 'Equal', value: 'vision', effect: 'NoExecute' }]);
    expect(at(pod, 'nodeSelector')).toBeUndefined();
  });

  test('writes only to sized volumes, as the user of the image', () => {
    const pod = podOf(workload({ modelCacheGiB: 20 }));
    expect(at(pod, 'securityContext.runAsUser')).toBe(RUN_AS.user);
    expect(at(pod, 'volumes')).toEqual([
      { name: 'tmp', emptyDir: { sizeLimit: '1Gi' } },
      { name: 'model-cache', emptyDir: { sizeLimit: '20Gi' } },
    ]);
  });

  test('has room for telemetry where a collector is named, and no other folder', () => {
    const collector = { LNMT_TELEMETRY_URL: 'https://collector.example/v1' };
    const volume = (env: Record<string, string>): Json | undefined =>
      (at(podOf(workload({ env })), 'volumes') as Json[]).find((each) => at(each, 'name') === 'telemetry');
    expect(volume(collector)).toEqual({ name: 'telemetry', emptyDir: { sizeLimit: '134217728' } });
    expect(volume({ ...collector, LNMT_TELEMETRY_BYTES: '65536' })).toHaveProperty('emptyDir.sizeLimit', '131072');
    expect(volume({ ...collector, LNMT_TELEMETRY_BYTES: TOKEN })).toHaveProperty('emptyDir.sizeLimit', '1Gi');
    expect(volume({ ...collector, LNMT_TELEMETRY_DIR: '/tmp/telemetry' })).toBeUndefined();
    const mounts = at(containerOf(workload({ env: collector })), 'volumeMounts');
    expect(mounts).toContainEqual({ name: 'telemetry', mountPath: VOLUMES.telemetry });
  });

  test('never gets a token for the API server', () => {
    const manifests = workload();
    expect(at(podOf(manifests), 'automountServiceAccountToken')).toBe(false);
    expect(at(objectOf(manifests, 'ServiceAccount'), 'automountServiceAccountToken')).toBe(false);
  });

  test('is spread over zones and nodes where that is possible, each revision by itself', () => {
    const spread = at(podOf(workload()), 'topologySpreadConstraints') as Json[];
    expect(
      spread.map((each) => [at(each, 'topologyKey'), at(each, 'whenUnsatisfiable'), at(each, 'matchLabelKeys')]),
    ).toEqual([
      ['topology.kubernetes.io/zone', 'ScheduleAnyway', ['pod-template-hash']],
      ['kubernetes.io/hostname', 'ScheduleAnyway', ['pod-template-hash']],
    ]);
    expect(at(podOf(workload()), 'affinity')).toBeUndefined();
  });

  test('shares no node when spread is strict', () => {
    const terms = at(
      podOf(workload({ spread: 'strict' })),
      'affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution',
    ) as Json[];
    expect(terms.map((term) => at(term, 'topologyKey'))).toEqual(['kubernetes.io/hostname']);
  });
});

describe('the settings of an inference workload', () => {
  test('listen outside localhost, name the model and the store, and say how callers are known', () => {
    expect(at(objectOf(workload(), 'ConfigMap'), 'data')).toMatchObject({
      LNMT_BIND_ADDRESS: '0.0.0.0',
      LNMT_MODEL_NAME: 'digits',
      LNMT_MODEL_VERSION: '3',
      LNMT_MODEL_URI: 's3://models',
      LNMT_AUTH: 'none',
      LNMT_AUTH_NONE_REASON: 'a test',
      LNMT_EXECUTION_PROVIDER: 'cpu',
      LNMT_DRAIN_DELAY_SECONDS: '5',
      LNMT_GRACE_SECONDS: '25',
    });
  });

  test('name the issuer of tokens, and the port of gRPC where it is served', () => {
    const jwt = Auth.jwt({
      ...{ issuer: 'https://id.test', audience: 'lnmt', jwksUri: 'https://id.test/keys' },
      ...{ algorithms: ['ES256', 'EdDSA'] as const, scopesClaim: 'realm_access.roles' },
    });
    const auth = Auth.anyOf(Auth.apiKeys(SecretReference.fromKubernetes('keys')), jwt);
    const data = at(objectOf(workload({ auth, grpc: true }), 'ConfigMap'), 'data');
    expect(data).toMatchObject({
      LNMT_AUTH: 'api-keys,jwt',
      LNMT_JWT_ISSUER: 'https://id.test',
      LNMT_JWT_AUDIENCE: 'lnmt',
      LNMT_JWT_JWKS_URI: 'https://id.test/keys',
      LNMT_JWT_ALGORITHMS: 'ES256,EdDSA',
      LNMT_JWT_SCOPES_CLAIM: 'realm_access.roles',
      LNMT_API_KEYS_DIR: VOLUMES.apiKeys,
      LNMT_GRPC_PORT: String(PORTS.grpc),
    });
    expect(Object.keys(at(objectOf(workload(), 'ConfigMap'), 'data') as object)).not.toContain('LNMT_GRPC_PORT');
  });

  test('tokens alone need no secret', () => {
    const auth = Auth.jwt({ issuer: 'https://id.test', audience: 'lnmt', jwksUri: 'https://id.test/keys' });
    const manifests = workload({ auth });
    expect(manifests.map(({ kind }) => kind)).not.toContain('ExternalSecret');
    expect(at(objectOf(manifests, 'ConfigMap'), 'data')).toMatchObject({ LNMT_AUTH: 'jwt' });
    expect(JSON.stringify(podOf(manifests))).not.toContain('api-keys');
  });

  test('an accelerator brings the CUDA provider', () => {
    expect(at(objectOf(workload({ accelerator: GPU }), 'ConfigMap'), 'data.LNMT_EXECUTION_PROVIDER')).toBe('cuda');
  });

  const annotations = (props: Partial<InferenceWorkloadProps>): Json | undefined =>
    at(objectOf(workload(props), 'Deployment'), 'spec.template.metadata.annotations');

  test('a changed literal replaces the pods', () => {
    expect(annotations({ env: { A: '1' } })).not.toEqual(annotations({ env: { A: '2' } }));
    expect(annotations({ env: { A: '1' } })).toEqual(annotations({ env: { A: '1' } }));
  });

  test('the number of a late-bound value does not change the hash, and its value replaces the pods', () => {
    const first = annotations({ storeUri: 's3://${TfToken[TOKEN.3]}' }) as Record<string, string>;
    const again = annotations({ storeUri: 's3://${TfToken[TOKEN.8]}' }) as Record<string, string>;
    expect(again[LABELS.configHash]).toBe(first[LABELS.configHash]);
    expect(first[LABELS.lateBoundConfig]).toBe('LNMT_MODEL_URI=${TfToken[TOKEN.3]}');
  });

  test('of a long file with late-bound parts, these alone are noted: annotations hold 256 KiB', () => {
    const models = `{"models":[{"name":"a","uri":"${TOKEN}"},{"name":"b","uri":"${TOKEN}"}]}${' '.repeat(500_000)}`;
    const noted = annotations({ files: { models } }) as Record<string, string>;
    expect(noted[LABELS.lateBoundConfig]).toBe(`models.json=${TOKEN}`);
  });

  test('API keys of the store become an ExternalSecret that is mounted as a file', () => {
    const manifests = workload(EVERYTHING);
    expect(at(objectOf(manifests, 'ExternalSecret'), 'spec')).toMatchObject({
      secretStoreRef: { kind: 'ClusterSecretStore', name: 'lnmt' },
      target: { name: 'digits-api-keys' },
      data: [{ secretKey: API_KEYS_FILE, remoteRef: { key: 'ml/api-keys' } }],
    });
    expect(at(podOf(manifests), 'volumes')).toContainEqual({
      name: 'api-keys',
      secret: {
        secretName: 'digits-api-keys',
        defaultMode: 0o440,
        items: [{ key: API_KEYS_FILE, path: API_KEYS_FILE }],
      },
    });
    expect(at(containerOf(manifests), 'volumeMounts')).toContainEqual({
      name: 'api-keys',
      mountPath: VOLUMES.apiKeys,
      readOnly: true,
    });
  });

  test('API keys of a Kubernetes Secret need no store', () => {
    const manifests = workload({ auth: Auth.apiKeys(SecretReference.fromKubernetes('mine')) });
    expect(manifests.some((m) => m.kind === 'ExternalSecret')).toBe(false);
    expect(at(podOf(manifests), 'volumes.2.secret.secretName')).toBe('mine');
  });

  test('secret variables are references, never values', () => {
    expect(at(containerOf(workload({ ...EVERYTHING, auditLog: undefined })), 'env')).toEqual([
      { name: 'AWS_ACCESS_KEY_ID', valueFrom: { secretKeyRef: { name: 'store-keys', key: 'AWS_ACCESS_KEY_ID' } } },
    ]);
  });

  test('secret variables of the store come in one ExternalSecret, those of Kubernetes from their own', () => {
    const secretEnv = {
      LNMT_RESPONSE_CACHE_PASSWORD: SecretReference.fromStore('cache'),
      LNMT_MODEL_TOKEN: SecretReference.fromStore('models'),
      OTHER: SecretReference.fromKubernetes('mine', 'other'),
    };
    const manifests = workload({ secretEnv, secretStore: STORE });
    expect(at(objectOf(manifests, 'ExternalSecret'), 'spec')).toMatchObject({
      target: { name: 'digits-secret-env' },
      data: [
        { secretKey: 'LNMT_RESPONSE_CACHE_PASSWORD', remoteRef: { key: 'ml/cache' } },
        { secretKey: 'LNMT_MODEL_TOKEN', remoteRef: { key: 'ml/models' } },
      ],
    });
    const from = (name: string, key: string): object => ({ valueFrom: { secretKeyRef: { name, key } } });
    expect(at(containerOf(manifests), 'env')).toEqual([
      { name: 'LNMT_MODEL_TOKEN', ...from('digits-secret-env', 'LNMT_MODEL_TOKEN') },
      { name: 'LNMT_RESPONSE_CACHE_PASSWORD', ...from('digits-secret-env', 'LNMT_RESPONSE_CACHE_PASSWORD') },
      { name: 'OTHER', ...from('mine', 'other') },
    ]);
  });

  test('secret files lie in one folder, each where its setting says', () => {
    const secretFiles = {
      LNMT_UPSTREAM_KEY_FILE: SecretReference.fromStore('upstream'),
      LNMT_PAYLOAD_LOG_KEY_FILE: SecretReference.fromKubernetes('mine', 'key'),
    };
    const manifests = workload({ ...EVERYTHING, secretFiles });
    expect(at(objectOf(manifests, 'ConfigMap', 'digits-config'), 'data')).toMatchObject({
      LNMT_UPSTREAM_KEY_FILE: '/etc/lnmt/secrets/LNMT_UPSTREAM_KEY_FILE',
      LNMT_PAYLOAD_LOG_KEY_FILE: '/etc/lnmt/secrets/LNMT_PAYLOAD_LOG_KEY_FILE',
    });
    const source = (name: string, key: string, path: string): object => ({ secret: { name, items: [{ key, path }] } });
    expect(at(podOf(manifests), 'volumes')).toContainEqual({
      name: 'secret-files',
      projected: {
        defaultMode: 0o440,
        sources: [
          source('mine', 'key', 'LNMT_PAYLOAD_LOG_KEY_FILE'),
          source('digits-secret-files', 'LNMT_UPSTREAM_KEY_FILE', 'LNMT_UPSTREAM_KEY_FILE'),
        ],
      },
    });
    const mount = { name: 'secret-files', mountPath: VOLUMES.secretFiles, readOnly: true };
    expect(at(containerOf(manifests), 'volumeMounts')).toContainEqual(mount);
  });
});

describe('scaling and replacement', () => {
  test('the autoscaler owns the number of replicas', () => {
    expect(at(objectOf(workload(), 'Deployment'), 'spec.replicas')).toBeUndefined();
  });

  test('a fixed number has no autoscaler', () => {
    const manifests = workload({ scaling: Scaling.fixed(4) });
    expect(at(objectOf(manifests, 'Deployment'), 'spec.replicas')).toBe(4);
    expect(manifests.some((m) => m.kind === 'HorizontalPodAutoscaler')).toBe(false);
  });

  test('follows the metric that the contract derives, with the target as text', () => {
    const metrics = at(objectOf(workload(EVERYTHING), 'HorizontalPodAutoscaler'), 'spec.metrics') as Json[];
    expect(metrics.at(-1)).toEqual({
      type: 'Pods',
      pods: { metric: { name: REQUESTS_PER_SECOND_METRIC }, target: { type: 'AverageValue', averageValue: '100' } },
    });
  });

  test('a fraction of a request is written in thousandths', () => {
    const scaling = Scaling.between(1, 2).requestsPerSecond(0.25);
    const hpa = objectOf(workload({ scaling, scraperNamespace: 'monitoring' }), 'HorizontalPodAutoscaler');
    expect(at(hpa, 'spec.metrics.0.pods.target.averageValue')).toBe('250m');
  });

  test('removes pods slowly and always some', () => {
    const scaling = Scaling.between(1, 9).behavior({
      scaleDownStabilizationSeconds: 60,
      scaleDownPercentPerMinute: 10,
    });
    expect(at(objectOf(workload({ scaling }), 'HorizontalPodAutoscaler'), 'spec.behavior.scaleDown')).toEqual({
      stabilizationWindowSeconds: 60,
      selectPolicy: 'Max',
      policies: [
        { type: 'Percent', value: 10, periodSeconds: 60 },
        { type: 'Pods', value: 1, periodSeconds: 60 },
      ],
    });
  });

  test('a rollout loses no replica unless asked to', () => {
    const update = (props: Partial<InferenceWorkloadProps>): Json | undefined =>
      at(objectOf(workload(props), 'Deployment'), 'spec.strategy.rollingUpdate');
    expect(update({})).toEqual({ maxUnavailable: 0, maxSurge: 1 });
    expect(update({ rollout: Rollout.rolling({ maxUnavailable: 1, maxSurge: 1 }) })).toEqual({
      maxUnavailable: 1,
      maxSurge: 1,
    });
  });

  test('a pod that serves nobody never blocks a drain', () => {
    expect(at(objectOf(workload(), 'PodDisruptionBudget'), 'spec')).toMatchObject({
      maxUnavailable: 1,
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
    });
  });
});

describe('who reaches what', () => {
  test('nobody calls it and it calls nobody but DNS, by default', () => {
    const spec = at(objectOf(workload(), 'NetworkPolicy'), 'spec');
    expect(at(spec, 'policyTypes')).toEqual(['Ingress', 'Egress']);
    expect(at(spec, 'ingress')).toEqual([]);
    expect((at(spec, 'egress') as Json[]).flatMap((rule) => at(rule, 'ports.0.port'))).toEqual([53, 53]);
  });

  test('callers reach the serving ports, Prometheus the metrics port, and neither the other', () => {
    const ingress = at(objectOf(workload(EVERYTHING), 'NetworkPolicy'), 'spec.ingress') as Json[];
    expect(ingress.map((rule) => (at(rule, 'ports') as Json[]).map((port) => at(port, 'port')))).toEqual([
      [PORTS.http, PORTS.grpc],
      [PORTS.metrics],
    ]);
    expect(at(ingress[1], 'from.0.namespaceSelector.matchLabels')).toEqual({
      'kubernetes.io/metadata.name': 'monitoring',
    });
  });

  test('what is opened is said in words', () => {
    expect(at(objectOf(workload(EVERYTHING), 'NetworkPolicy'), 'metadata.annotations')).toEqual({
      'kubernetes.io/description':
        'in: gateway; in: metrics; out: names; out: names, from the cache on the node; out: store',
    });
  });

  test('metrics are not on the public Service, and are scraped through their own', () => {
    const manifests = workload(EVERYTHING);
    const names = (service: string): Json[] =>
      (at(objectOf(manifests, 'Service', service), 'spec.ports') as Json[]).map((port) => at(port, 'name') as Json);
    expect([names('digits'), names('digits-metrics')]).toEqual([['http', 'grpc'], ['metrics']]);
    expect(at(objectOf(manifests, 'ServiceMonitor'), 'spec.endpoints.0')).toMatchObject({
      port: 'metrics',
      path: PATHS.metrics,
    });
  });

  test('there is no gRPC port unless asked for', () => {
    expect((at(containerOf(workload()), 'ports') as Json[]).map((port) => at(port, 'name'))).toEqual([
      'http',
      'metrics',
    ]);
  });
});

describe('late-bound values', () => {
  test('stand where they were given, unread', () => {
    const manifests = workload({ ...EVERYTHING, image: `registry/${TOKEN}`, storeUri: TOKEN });
    expect(at(containerOf(manifests), 'image')).toBe(`registry/${TOKEN}`);
    expect(at(objectOf(manifests, 'ConfigMap', 'digits-config'), 'data.LNMT_MODEL_URI')).toBe(TOKEN);
    expect(at(objectOf(manifests, 'ServiceAccount'), 'metadata.annotations')).toEqual({
      'eks.amazonaws.com/role-arn': TOKEN,
    });
  });

  test('a name that cannot be read is left to delivery, which names the field', () => {
    expect(objectOf(workload({ name: TOKEN }), 'Deployment')).toMatchObject({ metadata: { name: TOKEN } });
  });
});

describe('what the server is told about its hardware', () => {
  const dataOf = (props: Partial<InferenceWorkloadProps>): unknown =>
    at(objectOf(workload(props), 'ConfigMap', 'digits-config'), 'data');

  test('what its model may take of the memory of the container, so that only the model fails', () => {
    const limit = (memory: string): unknown =>
      (dataOf({ resources: PodResources.of({ cpu: '1', memory }) }) as Record<string, unknown>)[
        'LNMT_HOST_MEMORY_BYTES'
      ];
    expect(limit('2Gi')).toBe(String(2 * 2 ** 30 - 384 * 2 ** 20));
    expect(limit('512Mi')).toBeUndefined();
    expect(dataOf({ accelerator: GPU })).not.toHaveProperty('LNMT_HOST_MEMORY_BYTES');
    expect(dataOf({ env: { LNMT_HOST_MEMORY_BYTES: '1' } })).toHaveProperty('LNMT_HOST_MEMORY_BYTES', '1');
  });

  const several = { files: { models: '{"models":[]}' } };
  const settingOf = (props: Partial<InferenceWorkloadProps>, name: string): unknown =>
    (dataOf(props) as Record<string, unknown>)[name];

  test('what all models together may take, where there may be several: no more than one may', () => {
    const memory = (props: Partial<InferenceWorkloadProps>): unknown => settingOf(props, 'LNMT_MODEL_MEMORY_BYTES');
    expect(memory(several)).toBe(String(2 * 2 ** 30 - 384 * 2 ** 20));
    expect(memory(several)).toBe(settingOf(several, 'LNMT_HOST_MEMORY_BYTES'));
    expect(memory({ env: { LNMT_MODEL_REPOSITORY: 's3://models' } })).toBe(memory(several));
    const large = PodResources.of({ cpu: '1', memory: '1Gi', memoryLimit: '8Gi' });
    expect(memory({ ...several, resources: large })).toBe(String(8 * 2 ** 30 - 384 * 2 ** 20));
    expect(memory({ ...several, env: { LNMT_MODEL_MEMORY_BYTES: '0' } })).toBe('0');
    expect(memory({ ...several, accelerator: GPU })).toBeUndefined();
    expect(memory({})).toBeUndefined();
  });

  test.each([undefined, 1, 10, 37])('that its files stay well inside a volume of %s GiB', (modelCacheGiB) => {
    const props = modelCacheGiB === undefined ? {} : { modelCacheGiB };
    const volumes = at(podOf(workload(props)), 'volumes') as JsonObject[];
    const cache = volumes.find(({ name }) => name === 'model-cache');
    const volume = parseInt(at(cache, 'emptyDir.sizeLimit') as string) * 2 ** 30;
    const config = readConfig(dataOf(props) as Record<string, string>);
    expect(config.modelCacheBytes / volume).toBeCloseTo(0.8, 6);
  });

  test('less memory for models where answers are kept in it', () => {
    const bytes = (env?: Record<string, string>): number =>
      Number(at(objectOf(workload({ env }), 'ConfigMap'), 'data.LNMT_HOST_MEMORY_BYTES'));
    expect(bytes() - bytes({ LNMT_RESPONSE_CACHE_BYTES: '100000000' })).toBe(100_000_000);
  });

  test('what somebody knows better, of the disk as of the memory', () => {
    const env = { LNMT_MODEL_CACHE_BYTES: '5000', LNMT_HOST_MEMORY_BYTES: '6000' };
    expect(dataOf({ env })).toMatchObject(env);
    const secretEnv = { LNMT_MODEL_CACHE_BYTES: { secret: 's', key: 'k' } };
    expect(dataOf({ secretEnv })).not.toHaveProperty('LNMT_MODEL_CACHE_BYTES');
  });

  test('nothing about a fallback, unless the CPU may help a GPU out', () => {
    expect(dataOf({ accelerator: GPU })).not.toHaveProperty('LNMT_ALLOW_CPU_FALLBACK');
    expect(dataOf({ accelerator: GPU, allowCpuFallback: true })).toHaveProperty('LNMT_ALLOW_CPU_FALLBACK', 'true');
  });
});

describe('the features that the image must have', () => {
  const featuresOf = (props: Partial<InferenceWorkloadProps>): Json | undefined =>
    at(objectOf(workload(props), 'Deployment'), 'metadata.annotations');
  const list = (features: string): object => ({ [LABELS.imageFeatures]: features });
  const LIST = JSON.stringify({
    models: [
      { name: 'a', uri: 'gs://bucket' },
      { name: 'b', uri: 'az://account/container', processing: { before: [{ step: 'image', tensor: 'pixels' }] } },
      { name: 'c', uri: 'file:///models' },
    ],
  });

  test.each<readonly [string, Partial<InferenceWorkloadProps>, string]>([
    ['a store in S3', {}, 's3'],
    ['a store of Google Cloud', { storeUri: `gs://${TOKEN}/models` }, 'gcs'],
    ['a store of Azure', { storeUri: 'az://account/models' }, 'azure'],
    ['gRPC', { grpc: true }, 's3,grpc'],
    ['policies', { files: { policies: 'permit(principal, action, resource);' } }, 's3,policies'],
    [
      'signers by identity',
      {
        ...EVERYTHING,
        files: { signatureTrustedRoot: '{}' },
        env: { LNMT_SIGNATURE_KEYLESS_IDENTITIES: 'a|https://b' },
      },
      's3,grpc,keyless',
    ],
    ['further models and their pictures', { files: { models: LIST } }, 's3,gcs,azure,pictures'],
    ['GraphQL', { env: { LNMT_GRAPHQL: 'true' } }, 's3,graphql'],
    ['GraphQL that is off', { env: { LNMT_GRAPHQL: 'false' } }, 's3'],
    ['traces', { env: { OTEL_EXPORTER_OTLP_ENDPOINT: TOKEN } }, 's3,tracing'],
    [
      'a shared cache, its place a secret',
      { secretEnv: { LNMT_RESPONSE_CACHE_URL: { secret: 's', key: 'k' } } },
      's3,redis',
    ],
    ['a repository elsewhere', { env: { LNMT_MODEL_REPOSITORY: 'gs://bucket' } }, 's3,gcs'],
  ])('are said for %s', (_, props, features) => {
    expect(featuresOf(props)).toEqual(list(features));
  });

  test('are not said where the core is enough, or nothing is known', () => {
    expect(featuresOf({ storeUri: 'https://models.example.com' })).toBeUndefined();
    expect(featuresOf({ storeUri: TOKEN, files: { models: TOKEN } })).toBeUndefined();
  });

  test('are those of the settings, whatever a manifest says: the server takes its own from the same variables', () => {
    const annotation = featuresOf(EVERYTHING) as Record<string, string>;
    const data = at(objectOf(workload(EVERYTHING), 'ConfigMap', 'digits-config'), 'data') as Record<string, string>;
    expect(annotation[LABELS.imageFeatures]).toBe(featuresOfSettings(data).join(','));
  });

  test('belong to the Deployment, not to its pods, which nothing of it should replace', () => {
    const template = at(objectOf(workload(), 'Deployment'), 'spec.template.metadata.annotations') as object;
    expect(template).not.toHaveProperty([LABELS.imageFeatures]);
  });
});

describe('files that the server reads', () => {
  const PIPELINES = '{"pipelines":[]}';
  const files = { pipelines: PIPELINES, signatureKeys: 'PEM' };

  test('are mounted read-only from a ConfigMap, and named by its settings', () => {
    const manifests = workload({ files });
    expect(at(objectOf(manifests, 'ConfigMap', 'digits-files'), 'data')).toEqual({
      'pipelines.json': PIPELINES,
      'signature-keys.pem': 'PEM',
    });
    expect(at(objectOf(manifests, 'ConfigMap', 'digits-config'), 'data')).toMatchObject({
      LNMT_PIPELINES_FILE: `${VOLUMES.files}/pipelines.json`,
      LNMT_SIGNATURE_KEYS_FILE: `${VOLUMES.files}/signature-keys.pem`,
    });
    expect(at(podOf(manifests), 'volumes')).toContainEqual({
      name: 'files',
      configMap: { name: 'digits-files', defaultMode: 0o440 },
    });
    expect(at(containerOf(manifests), 'volumeMounts')).toContainEqual({
      name: 'files',
      mountPath: VOLUMES.files,
      readOnly: true,
    });
  });

  test('hold a trusted root for signers by identity, whom env names', () => {
    const env = { LNMT_SIGNATURE_KEYLESS_IDENTITIES: 'models@example.com|https://accounts.example.com' };
    const manifests = workload({ files: { signatureTrustedRoot: '{}' }, env });
    expect(at(objectOf(manifests, 'ConfigMap', 'digits-files'), 'data')).toEqual({ 'trusted_root.json': '{}' });
    expect(at(objectOf(manifests, 'ConfigMap', 'digits-config'), 'data')).toMatchObject({
      ...env,
      LNMT_SIGNATURE_TRUSTED_ROOT_FILE: `${VOLUMES.files}/trusted_root.json`,
    });
  });

  test('replace the pods when they change, and are not there when none is given', () => {
    const hash = (given: InferenceWorkloadProps['files']): unknown =>
      (at(objectOf(workload({ files: given }), 'Deployment'), 'spec.template.metadata.annotations') as JsonObject)[
        LABELS.configHash
      ];
    expect(hash(files)).not.toBe(hash({ ...files, pipelines: '{"pipelines":[1]}' }));
    expect(hash({})).toBe(hash(undefined));
    expect(at(podOf(workload({ files: {} })), 'volumes')).toEqual(at(podOf(workload()), 'volumes'));
  });
});

describe('the certificate of a server', () => {
  const tls = { secretName: 'digits-tls' };
  const manifests = workload({ tls, grpc: true, scraperNamespace: 'monitoring' });
  const container = containerOf(manifests);

  test('is mounted read-only from its Secret, as a folder that follows renewals, and named by the settings', () => {
    const items = ['tls.crt', 'tls.key'].map((key) => ({ key, path: key }));
    const secret = { secretName: 'digits-tls', defaultMode: 0o440, items };
    expect(at(podOf(manifests), 'volumes')).toContainEqual({ name: 'tls', secret });
    expect(at(container, 'volumeMounts')).toContainEqual({ name: 'tls', mountPath: VOLUMES.tls, readOnly: true });
    expect(at(objectOf(manifests, 'ConfigMap', 'digits-config'), 'data')).toMatchObject({
      LNMT_TLS_CERT_FILE: `${VOLUMES.tls}/tls.crt`,
      LNMT_TLS_KEY_FILE: `${VOLUMES.tls}/tls.key`,
    });
  });

  test('makes the Service speak HTTPS, and gRPC TLS; probes ask where metrics are, which stay plain', () => {
    for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe']) {
      expect(at(container, `${probe}.httpGet`)).toMatchObject({ port: 'metrics', scheme: 'HTTP' });
    }
    expect(at(objectOf(manifests, 'Service', 'digits'), 'spec.ports')).toMatchObject([
      { name: 'http', appProtocol: 'https' },
      { name: 'grpc', appProtocol: 'https' },
    ]);
  });

  test('leaves metrics plain, as their listener is', () => {
    const [endpoint] = at(objectOf(manifests, 'ServiceMonitor'), 'spec.endpoints') as [Json];
    expect(endpoint).toMatchObject({ port: 'metrics' });
    expect(endpoint).not.toHaveProperty('scheme');
    expect(endpoint).not.toHaveProperty('tlsConfig');
  });

  test('may be late-bound', () => {
    const late = workload({ tls: { secretName: TOKEN } });
    expect(at(podOf(late), 'volumes')).toContainEqual(
      expect.objectContaining({ name: 'tls', secret: expect.objectContaining({ secretName: TOKEN }) as unknown }),
    );
  });

  test('is not there unless asked for', () => {
    expect(JSON.stringify(workload({ grpc: true }))).not.toMatch(/tls|https/i);
  });

  test('may stand beside authorities of clients that the image brings', () => {
    const env = { LNMT_TLS_CLIENT_CA_FILE: '/opt/ca.pem' };
    expect(at(objectOf(workload({ tls, env }), 'ConfigMap'), 'data')).toMatchObject(env);
  });
});

describe('the audit log of a server', () => {
  test('is kept on a claim, in a file of each pod', () => {
    const manifests = workload({ auditLog: { claimName: 'audit' } });
    expect(at(podOf(manifests), 'volumes')).toContainEqual({
      name: 'audit',
      persistentVolumeClaim: { claimName: 'audit' },
    });
    expect(at(containerOf(manifests), 'volumeMounts')).toContainEqual({ name: 'audit', mountPath: VOLUMES.audit });
    // The kubelet fills in only what stands before: the order is a part of it.
    expect(at(containerOf(manifests), 'env')).toEqual([
      { name: 'LNMT_POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
      { name: 'LNMT_AUDIT_FILE', value: `${VOLUMES.audit}/$(LNMT_POD_NAME).jsonl` },
    ]);
  });

  test.each(['/dev/stderr', '/tmp/audit.jsonl', TOKEN])('may be %s without one', (file) => {
    const env = { LNMT_AUDIT_FILE: file };
    expect(at(objectOf(workload({ env }), 'ConfigMap'), 'data')).toMatchObject(env);
  });
});

describe('labels', () => {
  test('a model name that is no label value is made one', () => {
    const name = 'a'.repeat(100);
    const label = at(objectOf(workload({ model: { name, version: '3' } }), 'Deployment'), `metadata.labels`) as Record<
      string,
      string
    >;
    expect(label[LABELS.model]).toMatch(/^a{40,}-[0-9a-f]{10}$/);
    expect(label[LABELS.model]?.length).toBeLessThanOrEqual(63);
  });
});

describe('what an inference workload refuses', () => {
  const refused: readonly [string, Partial<InferenceWorkloadProps>, string][] = [
    [
      'a name with capitals',
      { name: 'Digits' },
      'LNMT3000 [chart/workload]: name is not a Kubernetes name; got "Digits"; allowed: at most 52',
    ],
    ['a name that is too long', { name: 'a'.repeat(53) }, 'LNMT3000'],
    [
      'a service account with a dot',
      { serviceAccount: { name: 'a.b' } },
      'serviceAccount.name is not a Kubernetes name',
    ],
    [
      'a setting of its own in env',
      { env: { LNMT_MODEL_URI: 's3://other' } },
      'LNMT3005 [chart/workload]: env sets LNMT_MODEL_URI, which InferenceWorkload already sets; remove LNMT_MODEL_URI from env',
    ],
    [
      'one variable from two sources',
      { env: { A: '1' }, secretEnv: { A: { secret: 's', key: 'k' } } },
      'secretEnv sets A, which env already sets',
    ],
    ['a secret in place of a setting', { secretEnv: { LNMT_AUTH: { secret: 's', key: 'k' } } }, 'LNMT3005'],
    [
      'files that no ConfigMap holds',
      { files: { models: 'x'.repeat(1_000_001) } },
      'LNMT3020 [chart/workload]: files is too large; got 1000001 bytes; allowed: at most 1000000 bytes',
    ],
    [
      'a setting of a file in env',
      { files: { models: '{}' }, env: { LNMT_MODELS_FILE: '/x' } },
      'LNMT3005 [chart/workload]: env sets LNMT_MODELS_FILE',
    ],
    [
      'a trusted root without names of signers',
      { files: { signatureTrustedRoot: '{}' } },
      'LNMT3021 [chart/workload]: files.signatureTrustedRoot is given and env does not set LNMT_SIGNATURE_KEYLESS_IDENTITIES; allowed: whole e-mail addresses',
    ],
    [
      'a certificate in env',
      { env: { LNMT_TLS_CERT_FILE: '/a', LNMT_TLS_KEY_FILE: '/b' } },
      'LNMT3022 [chart/workload]: env sets LNMT_TLS_CERT_FILE, of which volume and Service know nothing; allowed: a Secret of the type kubernetes.io/tls in tls; remove LNMT_TLS_CERT_FILE from env, and set tls: { secretName }',
    ],
    [
      'a key in env beside a certificate',
      { tls: { secretName: 't' }, env: { LNMT_TLS_KEY_FILE: '/b' } },
      'LNMT3022 [chart/workload]: env sets LNMT_TLS_KEY_FILE',
    ],
    [
      'a certificate in secretEnv',
      { secretEnv: { LNMT_TLS_CERT_FILE: { secret: 's', key: 'k' } } },
      'LNMT3022 [chart/workload]: secretEnv sets LNMT_TLS_CERT_FILE',
    ],
    [
      'authorities of clients without a certificate',
      { env: { LNMT_TLS_CLIENT_CA_FILE: '/ca' } },
      'LNMT3022 [chart/workload]: env sets LNMT_TLS_CLIENT_CA_FILE',
    ],
    [
      'an audit log on the root file system',
      { env: { LNMT_AUDIT_FILE: '/var/log/audit.jsonl' } },
      'LNMT3023 [chart/workload]: env sets LNMT_AUDIT_FILE to a file that no volume of the pod holds; got "/var/log/audit.jsonl"; allowed: /dev/stderr',
    ],
    [
      'a log of payloads on the root file system',
      { env: { LNMT_PAYLOAD_LOG_FILE: '/var/log/p.jsonl' } },
      'LNMT3023 [chart/workload]: env sets LNMT_PAYLOAD_LOG_FILE to a file that no volume of the pod holds; got "/var/log/p.jsonl"; allowed: a file below /tmp',
    ],
    [
      'a port of gRPC that the Service lacks',
      { env: { LNMT_GRPC_PORT: '9001' } },
      'LNMT3005 [chart/workload]: env sets LNMT_GRPC_PORT, which grpc already sets',
    ],
    [
      'a secret file that nothing reads',
      { secretFiles: { LNMT_AUDIT_FILE: SecretReference.fromKubernetes('a') } },
      'LNMT3024 [chart/workload]: secretFiles has LNMT_AUDIT_FILE, and no setting of that name reads a file; allowed: LNMT_MODELS_FILE',
    ],
    [
      'a file that is secret and is not',
      { files: { models: '{}' }, secretFiles: { LNMT_MODELS_FILE: SecretReference.fromKubernetes('a') } },
      'LNMT3005 [chart/workload]: secretFiles sets LNMT_MODELS_FILE, which files already sets',
    ],
    [
      'a key of the listeners among secret files',
      { secretFiles: { LNMT_TLS_KEY_FILE: SecretReference.fromKubernetes('a') } },
      'LNMT3022 [chart/workload]: secretFiles sets LNMT_TLS_KEY_FILE',
    ],
    [
      'a name of a model that the server refuses',
      { model: { name: 'digits', version: 'v1 beta' } },
      'LNMT1001 [chart/workload]: model.version is no name that the server takes; got "v1 beta"',
    ],
    [
      'an audit log in two places',
      { auditLog: { claimName: 'a' }, env: { LNMT_AUDIT_FILE: '/dev/stderr' } },
      'LNMT3005 [chart/workload]: env sets LNMT_AUDIT_FILE, which auditLog already sets',
    ],
    [
      'an egress rule to everywhere',
      { egress: [{ description: 'all', ports: [{ port: 443, protocol: 'TCP' }] }] },
      'LNMT3006 [chart/workload]: egress has a rule without a peer or without a port; got "all"',
    ],
    [
      'an egress rule for every port',
      { egress: [{ description: 'all', cidrs: ['10.0.0.0/8'], ports: [] }] },
      'LNMT3006',
    ],
    [
      'an ingress rule from everywhere',
      { ingressFrom: [{ description: 'all', cidrs: [] }] },
      'ingressFrom has a rule without a peer',
    ],
    [
      'a metric that nobody collects',
      { scaling: Scaling.between(1, 2).requestsPerSecond(1) },
      'LNMT3007 [chart/workload]: scaling by inference_requests_per_second needs scraperNamespace; got no scraperNamespace',
    ],
    [
      'a GPU that is not used',
      { accelerator: GPU, executionProvider: 'cpu' },
      'LNMT3008 [chart/workload]: executionProvider, imageFlavour and accelerator do not match; got executionProvider cpu, imageFlavour cpu, accelerator 1 x nvidia.com/gpu',
    ],
    ['CUDA without a GPU', { executionProvider: 'cuda' }, 'LNMT3008'],
    ['CUDA with an image for CPUs', { accelerator: GPU, imageFlavour: 'cpu' }, 'LNMT3008'],
    [
      'a secret of the store without the store',
      { auth: Auth.apiKeys(SecretReference.fromStore('api-keys')) },
      'LNMT3009 [chart/workload]: secret api-keys comes from the secret store, and none is given; pass secretStore',
    ],
    [
      'a label that selectors rest on',
      { podLabels: { [LABELS.instance]: 'other' } },
      'LNMT3011 [chart/workload]: podLabels sets app.kubernetes.io/instance, which selectors rest on',
    ],
    ['a start in no time', { startupSeconds: 0 }, 'LNMT1002 [chart/workload]: startupSeconds is out of range; got 0 s'],
    ['more time to end than the server takes', { graceSeconds: 3601 }, 'allowed: whole numbers from 1 to 3600 s'],
    ['half a GPU', { accelerator: { ...GPU, count: 0.5 } }, 'accelerator.count is out of range; got 0.5 devices'],
    ['several GPUs', { accelerator: { ...GPU, count: 2 } }, 'LNMT1022'],
    ['a cache of nothing', { modelCacheGiB: 0 }, 'modelCacheGiB is out of range; got 0 GiB'],
    [
      'a probe without a pause',
      { probes: { readinessPeriodSeconds: 0 } },
      'probes.readinessPeriodSeconds is out of range',
    ],
  ];
  test.each(refused)('refuses %s', (_, props, message) => {
    expect(() => workload(props)).toThrow(message);
  });
});

test('a CPU limit is there only when asked for', () => {
  const resources = PodResources.of({ cpu: '500m', cpuLimit: '2000m', memory: '1Gi', memoryLimit: '4Gi' });
  expect(at(containerOf(workload()), 'resources.limits.cpu')).toBeUndefined();
  expect(at(containerOf(workload({ resources })), 'resources.limits.cpu')).toBe('2000m');
});
