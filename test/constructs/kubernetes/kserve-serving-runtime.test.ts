import { describe, expect, test } from 'vitest';
import { Auth, KServeServingRuntime, PodResources, SecretReference } from '../../../constructs/kubernetes';
import type { KServeServingRuntimeProps } from '../../../constructs/kubernetes';
import { IMAGE_COMMANDS, INFERENCE_ENV, PATHS, PORTS, SHUTDOWN, VOLUMES } from '../../../runtime/contract';
import { readConfig } from '../../../runtime/inference/config';
import type { Json, JsonObject } from '../../support/terraform-json';
import { at, objectOf, render, workload } from './support';

const KEYS = Auth.apiKeys(SecretReference.fromKubernetes('keys'));
const IMAGE = `registry.example.com/lnmt/inference@sha256:${'0'.repeat(64)}`;

const runtime = (props: Partial<KServeServingRuntimeProps> = {}): JsonObject =>
  objectOf(
    render((scope) => new KServeServingRuntime(scope, 'runtime', { image: IMAGE, auth: KEYS, ...props })),
    'ClusterServingRuntime',
  );

const containerOf = (object: JsonObject): Json | undefined => at(object, 'spec.containers.0');

/** As KServe writes them for an InferenceService `sums`: it replaces `{{.Name}}` in the whole container. */
function environmentOf(object: JsonObject): Record<string, string> {
  const rows = at(containerOf(object), 'env') as { name: string; value?: string }[];
  const literals = rows.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value] as const]));
  return Object.fromEntries(literals.map(([name, value]) => [name, value.replace('{{.Name}}', 'sums')]));
}

describe('a runtime of KServe', () => {
  test('is for ONNX over the Open Inference Protocol, and taken by its name', () => {
    const object = runtime();
    expect(object['apiVersion']).toBe('serving.kserve.io/v1alpha1');
    expect(at(object, 'metadata.name')).toBe('lnmt-onnx');
    expect(at(object, 'spec.supportedModelFormats')).toEqual([{ name: 'onnx', version: '1', autoSelect: false }]);
    expect(at(object, 'spec.protocolVersions')).toEqual(['v2']);
    expect(at(runtime({ priority: 2 }), 'spec.supportedModelFormats.0')).toMatchObject({
      autoSelect: true,
      priority: 2,
    });
  });

  test('runs our server on what KServe puts beside it, with settings that it accepts', () => {
    const object = runtime();
    expect(containerOf(object)).toMatchObject({
      name: 'kserve-container',
      image: IMAGE,
      command: IMAGE_COMMANDS.inference,
      ports: [{ containerPort: PORTS.http, protocol: 'TCP' }],
    });
    const config = readConfig(environmentOf(object));
    expect(config.repository).toEqual({ kind: 'file', dir: '/mnt/models' });
    expect(config).toMatchObject({ modelLoading: 'pinned', auth: ['api-keys'], bindAddress: '0.0.0.0' });
    expect(config.repositoryModel).toBe('sums');
  });

  test('offers gRPC in the place of HTTP when that is asked for, and is probed where metrics are all the same', () => {
    const object = runtime({ grpc: true });
    expect(at(object, 'spec.protocolVersions')).toEqual(['grpc-v2']);
    expect(at(containerOf(object), 'ports')).toEqual([{ name: 'h2c', containerPort: PORTS.grpc, protocol: 'TCP' }]);
    expect(environmentOf(object)[INFERENCE_ENV.grpcPort.name]).toBe(String(PORTS.grpc));
    expect(at(containerOf(object), 'readinessProbe.httpGet')).toMatchObject({ path: PATHS.ready, port: PORTS.metrics });
  });

  test('passes the restricted level in its container, because the pod is KServe’s', () => {
    expect(at(containerOf(runtime()), 'securityContext')).toMatchObject({
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    });
  });

  test('mounts keys from the namespace of each InferenceService, and none with tokens', () => {
    expect(at(runtime(), 'spec.volumes.2.secret.secretName')).toBe('keys');
    expect(at(containerOf(runtime()), 'volumeMounts.2')).toMatchObject({ mountPath: VOLUMES.apiKeys, readOnly: true });
    const jwt = Auth.jwt({ issuer: 'https://i.example.com', audience: 'a', jwksUri: 'https://i.example.com/keys' });
    expect(at(runtime({ auth: jwt }), 'spec.volumes')).toHaveLength(2);
    expect(environmentOf(runtime({ auth: jwt }))[INFERENCE_ENV.jwtIssuer.name]).toBe('https://i.example.com');
  });

  test('takes the resources and the name that are given', () => {
    const object = runtime({ name: 'onnx-large', resources: PodResources.of({ cpu: '4', memory: '8Gi' }) });
    expect(at(object, 'metadata.name')).toBe('onnx-large');
    expect(at(containerOf(object), 'resources.limits.memory')).toBe('8Gi');
  });

  test('ends within the time that pods of KServe are given, and answers what was accepted until then', () => {
    const seconds = (name: string): number => Number(environmentOf(runtime())[name]);
    const sleep = Number(at(containerOf(runtime()), 'lifecycle.preStop.sleep.seconds'));
    const [drain, grace] = [seconds('LNMT_DRAIN_DELAY_SECONDS'), seconds('LNMT_GRACE_SECONDS')];
    expect(sleep + drain + grace + SHUTDOWN.margin).toBe(30);
    expect(grace).toBeGreaterThanOrEqual(10);
    // The schema has no field for another grace period, and the API server would drop one.
    expect(Object.keys(at(runtime(), 'spec') as object)).not.toContain('terminationGracePeriodSeconds');
  });

  test('tells the server the memory limit of the pod, whoever states it, so that only the model fails', () => {
    const rows = at(containerOf(runtime()), 'env') as JsonObject[];
    expect(rows).toContainEqual({
      name: 'LNMT_MEMORY_LIMIT_BYTES',
      valueFrom: { resourceFieldRef: { containerName: 'kserve-container', resource: 'limits.memory', divisor: '1' } },
    });
    const told = (bytes: number): number =>
      readConfig({ ...environmentOf(runtime()), LNMT_MEMORY_LIMIT_BYTES: String(bytes) }).hostMemoryBytes;
    expect(told(2 * 2 ** 30)).toBe(2 * 2 ** 30 - 384 * 2 ** 20);
    expect(told(2 * 2 ** 30)).toBe(
      Number(at(objectOf(workload(), 'ConfigMap', 'digits-config'), 'data.LNMT_HOST_MEMORY_BYTES')),
    );
  });

  test('keeps verified files well inside their volume', () => {
    const { modelCacheBytes } = readConfig(environmentOf(runtime()));
    expect(at(runtime(), 'spec.volumes.1')).toEqual({ name: 'model-cache', emptyDir: { sizeLimit: '10Gi' } });
    expect(modelCacheBytes).toBe(8 * 2 ** 30);
  });

  test('refuses keys from the store, and a name that is none', () => {
    const auth = Auth.apiKeys(SecretReference.fromStore('k'));
    expect(() => runtime({ auth })).toThrow(
      'LNMT3018 [chart/runtime]: auth takes its keys from the store, and the runtime has no namespace; got SecretReference.fromStore("k"); allowed: SecretReference.fromKubernetes',
    );
    expect(() => runtime({ name: 'Big' })).toThrow('LNMT3000');
  });
});
