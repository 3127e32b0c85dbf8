import type { Release } from '@cdktf/provider-helm/lib/release';
import type { Addon } from '../addons/addon';
import type { FileTree } from './chart-files';
import { generateChart } from './chart-files';
import { GITOPS_FOLDER } from './delivery';
import type { GitRepository } from './delivery';
import { addonRelease, chartRelease, guard, helmProvider, resourcesOf } from './helm';
import type { ManifestObject } from './late-binding';
import type { DeliveryInput } from './workloads';

/** The repository of a GitOps delivery with its defaults, and the folder of one workloads stack in it. */
export interface GitSource {
  readonly url: string;
  readonly revision: string;
  /** Folder of this stack's output inside the repository. */
  readonly path: string;
  /** The same folder inside the synthesis folder. */
  readonly outputPath: string;
}

/** Resolves the defaults of a repository. */
export function gitSource(input: DeliveryInput): GitSource {
  const repo = input.workloads.props.delivery.repo as GitRepository;
  const stack = input.workloads.stack.node.id;
  const base = (repo.path ?? GITOPS_FOLDER).replace(/^\/+|\/+$/g, '');
  return {
    url: repo.url,
    revision: repo.revision ?? 'main',
    path: `${base}/${stack}`,
    outputPath: `${GITOPS_FOLDER}/${stack}`,
  };
}

/**
 * Puts the bootstrap into the stack: the controller (once a platform) and a tiny chart with the objects that make it pull.
 * The late-bound values cross in that chart and nowhere else, so that git holds names only.
 */
export function bootstrap(
  input: DeliveryInput,
  controller: Addon,
  objects: readonly ManifestObject[],
): { readonly stackFiles: FileTree } {
  const { workloads, binding, checks } = input;
  helmProvider(workloads);
  const chain: Release[] = [];
  if (workloads.props.bootstrap) chain.push(addonRelease(workloads, controller, [], true));
  const owners = input.releases.flatMap((planned) =>
    planned.kind === 'addon' ? planned.owners : planned.parts.map((released) => released.owner),
  );
  const name = `${workloads.stack.node.id}-bootstrap`;
  const part = { owner: workloads, id: 'bootstrap', layer: '20-platform' as const, objects };
  const chart = generateChart({ kind: 'objects', name, layer: '20-platform', parts: [part] }, binding);
  const dependsOn = [...chain.slice(-1), ...resourcesOf(workloads, owners)];
  chain.push(chartRelease(workloads, chart, binding, { wait: true, atomic: true, dependsOn }));
  guard(chain[0], checks);
  return {
    stackFiles: new Map([...chart.files].map(([file, content]) => [`charts/${chart.folder}/${file}`, content])),
  };
}

/** Names of the late-bound values in an add-on's values. */
export function valuesOf(input: DeliveryInput, data: unknown): string[] {
  const names = new Set<string>();
  input.binding.bind(input.workloads, 'values', data, (bound) => {
    for (const piece of bound) if (typeof piece !== 'string') names.add(piece.value);
    return '';
  });
  return [...names].sort();
}
