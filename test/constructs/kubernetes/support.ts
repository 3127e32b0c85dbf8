import { Chart, Testing } from 'cdk8s';
import type { Construct } from 'constructs';
import { Auth, InferenceWorkload } from '../../../constructs/kubernetes';
import type { InferenceWorkloadProps } from '../../../constructs/kubernetes';
import { manifestOf } from '../../support/manifests';
import type { Manifest } from '../../support/manifests';
import type { Json, JsonObject } from '../../support/terraform-json';

/** Renders what a function adds to a chart, as the API server would be given it. */
export function render(define: (scope: Construct) => void): Manifest[] {
  const chart = new Chart(Testing.app(), 'chart', { disableResourceNameHashes: true });
  define(chart);
  return (chart.toJson() as Json[]).map((object) => manifestOf(JSON.parse(JSON.stringify(object)) as Json, 'chart'));
}

/** The only object of a kind, or the one of a name. */
export function objectOf(manifests: readonly Manifest[], kind: string, name?: string): JsonObject {
  const found = manifests.filter((m) => m.kind === kind && (name === undefined || m.name === name));
  if (found.length !== 1) throw new Error(`${found.length} objects of ${kind} ${name ?? ''}`);
  return (found[0] as Manifest).object;
}

/** A value inside an object; path segments apart by dots, list positions as numbers. Undefined where there is none. */
export function at(value: Json | undefined, path: string): Json | undefined {
  return path
    .split('.')
    .reduce<Json | undefined>((inner, key) => (inner as Record<string, Json> | undefined)?.[key], value);
}

/** The least that a workload needs. */
export const MINIMAL: InferenceWorkloadProps = {
  name: 'digits',
  namespace: 'models',
  image: 'registry.example.com/lnmt/inference@sha256:0123',
  model: { name: 'digits', version: '3' },
  storeUri: 's3://models',
  auth: Auth.none({ reason: 'a test' }),
};

/** Renders a workload with these props over the least ones. */
export function workload(props: Partial<InferenceWorkloadProps> = {}): Manifest[] {
  return render((scope) => new InferenceWorkload(scope, 'workload', { ...MINIMAL, ...props }));
}

/** The container of the Deployment. */
export function containerOf(manifests: readonly Manifest[]): Json | undefined {
  return at(objectOf(manifests, 'Deployment'), 'spec.template.spec.containers.0');
}

/** The pod specification of the Deployment. */
export function podOf(manifests: readonly Manifest[]): Json | undefined {
  return at(objectOf(manifests, 'Deployment'), 'spec.template.spec');
}
