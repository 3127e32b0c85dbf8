import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { Auth, PodResources, Rollout, Scaling } from '../../../constructs/kubernetes';
import type { Json } from '../../support/terraform-json';
import { at, objectOf, workload } from './support';

const GOLDEN = path.resolve(__dirname, '../../golden');

/** Compares an object with the file that people read; `UPDATE_GOLDEN=1` writes the file. */
function expectGolden(file: string, object: Json): void {
  const target = path.join(GOLDEN, file);
  if (process.env['UPDATE_GOLDEN'] === '1') fs.writeFileSync(target, stringify(object, { lineWidth: 0 }));
  expect(object).toEqual(parse(fs.readFileSync(target, 'utf8')));
}

const manifests = workload({
  name: 'lnmt-inference',
  image: 'registry.example.com/lnmt/inference@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef',
  auth: Auth.none({ reason: 'golden file' }),
  scaling: Scaling.between(3, 50).cpu(70).memory(80).requestsPerSecond(100),
  scraperNamespace: 'monitoring',
});

const highlyAvailable = workload({
  name: 'lnmt-inference-ha',
  image: 'registry.example.com/lnmt/inference@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef',
  auth: Auth.none({ reason: 'golden file' }),
  scaling: Scaling.fixed(3),
  rollout: Rollout.rolling({ maxUnavailable: 1, maxSurge: 1 }),
  spread: 'strict',
  resources: PodResources.of({ cpu: '500m', cpuLimit: '2000m', memory: '1Gi', memoryLimit: '4Gi' }),
  startupSeconds: 30,
  probes: { readinessPeriodSeconds: 10, livenessPeriodSeconds: 30 },
});

describe('the autoscaler of the architecture', () => {
  const hpa = objectOf(manifests, 'HorizontalPodAutoscaler');

  test('is the golden file', () => {
    expectGolden('horizontal-pod-autoscaler.yaml', hpa);
  });

  test('has every value as written there', () => {
    expect(hpa['apiVersion']).toBe('autoscaling/v2');
    expect(at(hpa, 'metadata.name')).toBe('lnmt-inference-hpa');
    expect(at(hpa, 'spec')).toMatchObject({
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'lnmt-inference' },
      minReplicas: 3,
      maxReplicas: 50,
      metrics: [
        { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 70 } } },
        { type: 'Resource', resource: { name: 'memory', target: { type: 'Utilization', averageUtilization: 80 } } },
        {
          type: 'Pods',
          pods: {
            metric: { name: 'inference_requests_per_second' },
            target: { type: 'AverageValue', averageValue: '100' },
          },
        },
      ],
    });
  });
});

describe('what watches an endpoint', () => {
  test('alerts are the golden file', () => {
    expectGolden('prometheus-rule.yaml', objectOf(manifests, 'PrometheusRule'));
  });

  test('the dashboard is the golden file', () => {
    const map = objectOf(manifests, 'ConfigMap', 'lnmt-inference-dashboard');
    const [text = ''] = Object.values(map['data'] as Record<string, string>);
    expectGolden('dashboard.yaml', JSON.parse(text) as Json);
  });
});

describe('the highly available Deployment of the architecture', () => {
  const deployment = objectOf(highlyAvailable, 'Deployment');
  const container = at(deployment, 'spec.template.spec.containers.0');

  test('is the golden file', () => {
    expectGolden('ha-deployment.yaml', deployment);
  });

  test('has replicas, bounds of the rollout, anti-affinity and resources as written there', () => {
    expect(deployment['apiVersion']).toBe('apps/v1');
    expect(at(deployment, 'metadata.name')).toBe('lnmt-inference-ha');
    expect(at(deployment, 'spec')).toMatchObject({
      replicas: 3,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 1 } },
    });
    const anti = 'spec.template.spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution';
    expect(at(deployment, `${anti}.0.topologyKey`)).toBe('kubernetes.io/hostname');
    expect(at(container, 'resources')).toEqual({
      requests: { cpu: '500m', memory: '1Gi' },
      limits: { cpu: '2000m', memory: '4Gi' },
    });
    expect(at(container, 'readinessProbe')).toMatchObject({ periodSeconds: 10 });
    expect(at(container, 'livenessProbe')).toMatchObject({ periodSeconds: 30 });
    expect(at(container, 'ports')).toContainEqual({ name: 'http', containerPort: 8080, protocol: 'TCP' });
  });

  test('asks for three truths where one path was written, on the port whose connections no client can use up', () => {
    const asked = ['startupProbe', 'livenessProbe', 'readinessProbe'].map((probe) => at(container, `${probe}.httpGet`));
    const metrics = { port: 'metrics', scheme: 'HTTP' };
    const paths = ['/health/startup', '/v2/health/live', '/v2/health/ready'];
    expect(asked).toEqual(paths.map((each) => ({ path: each, ...metrics })));
  });

  test('waits for the start in place of fixed delays', () => {
    expect(at(container, 'readinessProbe.initialDelaySeconds')).toBeUndefined();
    expect(at(container, 'livenessProbe.initialDelaySeconds')).toBeUndefined();
    // The longest delay that was written, 60 s, is what a start may take.
    expect(at(container, 'startupProbe')).toMatchObject({ periodSeconds: 5, failureThreshold: 12 });
  });

  test('has the selector that a Deployment needs, over its own labels', () => {
    const selector = at(deployment, 'spec.selector.matchLabels') as Record<string, string>;
    expect(at(deployment, 'spec.template.metadata.labels')).toMatchObject(selector);
    expect(selector).toEqual({
      'app.kubernetes.io/name': 'lnmt-inference',
      'app.kubernetes.io/instance': 'lnmt-inference-ha',
    });
  });
});
