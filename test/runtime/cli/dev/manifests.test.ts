import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { lateBoundIn, readManifests, showLateBound } from '../../../../runtime/cli/dev/manifests';
import { imageOf, readWorkloads } from '../../../../runtime/cli/dev/workload';
import { IMAGE_COMMANDS } from '../../../../runtime/contract';
import { scratch } from '../support';
import { objectsOf, quickstartOutput } from './support';

const index = { platform: 'p', cloud: 'c', values: {} };
const release = (objects: number) => ({ name: 'r', layer: '30-apps', namespace: 'n', path: 'r', objects });

function files(contents: Readonly<Record<string, string>>): string {
  const folder = scratch();
  for (const [file, content] of Object.entries(contents)) {
    fs.mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
    fs.writeFileSync(path.join(folder, file), content);
  }
  return folder;
}

describe('reading synthesized manifests', () => {
  test('marks late-bound values in charts and gives literal braces back', () => {
    const folder = files({
      'r/templates/a.yaml':
        'a: {{ print "s3://" (toString .Values.bucket) "/x" | toJson }}\nb: "{{ "{{" }} literal }}"\n',
    });
    const [object] = readManifests(folder, { ...index, mode: 'direct', releases: [release(1)] });
    expect(object?.['b']).toBe('{{ literal }}');
    const text = String(object?.['a']);
    expect(lateBoundIn(text)).toEqual(['bucket']);
    expect(showLateBound(text)).toBe('s3://<bucket>/x');
  });

  test('marks them in what Flux substitutes, and leaves the list of files out', () => {
    const folder = files({
      'r/a.yaml': 'a: "s3://${bucket}"\nb: "$${literal}"\n',
      'r/kustomization.yaml': 'kind: Kustomization\n',
    });
    const objects = readManifests(folder, { ...index, mode: 'flux', releases: [release(1)] });
    expect(objects).toHaveLength(1);
    expect(showLateBound(String(objects[0]?.['a']))).toBe('s3://<bucket>');
    expect(objects[0]?.['b']).toBe('${literal}');
  });

  test('refuses files that are not what synthesis writes', () => {
    const broken = files({ 'r/templates/a.yaml': 'a: [' });
    const read = (folder: string) => () => readManifests(folder, { ...index, mode: 'direct', releases: [release(1)] });
    expect(read(broken)).toThrow('LNMT6006');
    expect(read(scratch())).toThrow('LNMT6006');
  });
});

describe('the Deployments of an output', () => {
  test('are read as their manifests state them', () => {
    const outdir = quickstartOutput('aws');
    const { ours, others } = readWorkloads(objectsOf(outdir));
    expect(others).toEqual([]);
    expect(ours).toHaveLength(1);
    const templates = fs
      .readdirSync(outdir, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.includes('30-apps') && /templates\/(configmap|deployment)/i.test(file))
      .map((file) => fs.readFileSync(path.join(outdir, file), 'utf8'));
    const config = parse(
      templates.find((text) => text.includes('kind: ConfigMap'))?.replace(/\{\{.*\}\}/, 'late') ?? '',
    ) as {
      data: Record<string, string>;
    };
    const [workload] = ours;
    expect([...(workload?.env.keys() ?? [])].sort()).toEqual(Object.keys(config.data).sort());
    expect(workload).toMatchObject({
      namespace: 'aws-inference',
      name: 'digits',
      image: 'inference',
      command: IMAGE_COMMANDS.inference,
      startup: { path: '/health/startup', port: 'metrics', period: 5, timeout: 3, failures: 24 },
      liveness: { path: '/v2/health/live', period: 10, failures: 3, successes: 1 },
      readiness: { path: '/v2/health/ready', period: 5, failures: 2 },
      preStopSeconds: 5,
      graceSeconds: 45,
      replicas: 3,
    });
    expect([...(workload?.ports ?? [])]).toEqual([
      ['http', 8080],
      ['metrics', 9090],
    ]);
    expect([...(workload?.mounts.keys() ?? [])]).toEqual(['/tmp', '/var/cache/lnmt/models', '/etc/lnmt/api-keys']);
  });

  test('are ours by the name of their image, whatever the registry', () => {
    expect(imageOf(`r.example.com:5000/a/b/inference@sha256:${'0'.repeat(64)}`)).toBe('inference');
    expect(imageOf('inference-cuda:1.2')).toBe('inference');
    expect(imageOf('registry/inference-rocm:1')).toBeUndefined();
    expect(imageOf('quay.io/inference/other:1')).toBeUndefined();
  });

  test('take variables from fields, Secrets and ConfigMaps, and name those of other images', () => {
    const container = (image: string, extra: object = {}) => ({ name: 'c', image, ...extra });
    const env = [
      { name: 'A', value: 'a' },
      { name: 'B', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } },
      { name: 'C', valueFrom: { configMapKeyRef: { name: 'm', key: 'c' } } },
      { name: 'D', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
    ];
    const containers = [
      container('r/inference:1', { env, envFrom: [{ configMapRef: { name: 'm' } }] }),
      container('r/proxy:1'),
    ];
    const { ours, others } = readWorkloads([
      { kind: 'ConfigMap', metadata: { name: 'm', namespace: 'n' }, data: { A: 'overridden', c: 'from map' } },
      { kind: 'ConfigMap', metadata: { name: 'm', namespace: 'elsewhere' }, data: { Z: 'not this one' } },
      { kind: 'Deployment', metadata: { name: 'd', namespace: 'n' }, spec: { template: { spec: { containers } } } },
    ]);
    expect(Object.fromEntries(ours[0]?.env ?? [])).toEqual({
      A: { kind: 'value', value: 'a' },
      B: { kind: 'secret', secret: 's', key: 'k' },
      C: { kind: 'value', value: 'from map' },
      D: { kind: 'field', path: 'status.podIP' },
      c: { kind: 'value', value: 'from map' },
    });
    expect(others).toEqual(['n/d (r/proxy:1)']);
  });
});
