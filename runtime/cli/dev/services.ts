import { at, list, numberOr, text, texts } from '../json';
import type { Manifest } from './manifests';
import type { Workload } from './workload';

/** A Service in front of a local process. */
export interface Service {
  readonly name: string;
  readonly namespace: string;
  /** Local port of each Service port, in the order of the manifest. */
  readonly localPorts: ReadonlyMap<number, number>;
}

/** A workload with the local port of each of its container ports. */
export interface PlacedWorkload {
  readonly workload: Workload;
  readonly ports: ReadonlyMap<number, number>;
}

/** The Services that select one of the local workloads. */
export function localServices(objects: readonly Manifest[], placed: readonly PlacedWorkload[]): readonly Service[] {
  return objects.flatMap((object) => {
    if (object['kind'] !== 'Service') return [];
    const { name = '', namespace = 'default' } = texts(object['metadata']);
    const selector = Object.entries(texts(at(object, 'spec', 'selector')));
    const behind = placed.find(
      ({ workload }) =>
        selector.length > 0 &&
        workload.namespace === namespace &&
        selector.every(([label, value]) => workload.labels[label] === value),
    );
    return behind === undefined ? [] : [{ name, namespace, localPorts: portsOf(object, behind) }];
  });
}

function portsOf(service: Manifest, { workload, ports }: PlacedWorkload): ReadonlyMap<number, number> {
  const found = new Map<number, number>();
  for (const entry of list(at(service, 'spec', 'ports'))) {
    const port = numberOr(at(entry, 'port'), 0);
    const target = at(entry, 'targetPort');
    const container = typeof target === 'number' ? target : workload.ports.get(text(target) ?? '');
    const local = ports.get(container ?? port);
    if (local !== undefined) found.set(port, local);
  }
  return found;
}
