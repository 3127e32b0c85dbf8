import { App, Chart } from 'cdk8s';
import type { KubernetesObjects, KubernetesParts } from '../cloud/kubernetes-parts';
import type { Layer } from '../layers';
import type { JsonObject } from './synthesized';

/** A rendered Kubernetes object, with the record that it came from. Strings may still hold Terraform tokens. */
export interface RenderedObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  /** Absent on cluster-scoped objects. */
  readonly namespace: string | undefined;
  /** Layer that it is delivered in. */
  readonly layer: Layer;
  /** Id of the record that defines it. */
  readonly part: string;
  /** The whole object. */
  readonly object: JsonObject;
}

type Rendered = JsonObject & {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata?: { readonly name?: string; readonly namespace?: string };
};

/** Renders the objects of building blocks, as delivery would, without delivering them. */
export function renderObjects(parts: KubernetesParts): readonly RenderedObject[] {
  return parts.objects.flatMap(renderPart);
}

function renderPart(part: KubernetesObjects): RenderedObject[] {
  const chart = new Chart(new App(), part.id, {
    ...(part.namespace === undefined ? {} : { namespace: part.namespace }),
    disableResourceNameHashes: true,
  });
  part.define(chart);
  return (chart.toJson() as Rendered[]).map((object) => ({
    apiVersion: object.apiVersion ?? '',
    kind: object.kind ?? '',
    name: object.metadata?.name ?? '',
    namespace: object.metadata?.namespace,
    layer: part.layer,
    part: part.id,
    object,
  }));
}
