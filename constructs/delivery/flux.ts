import { flux } from '../addons/flux';
import { LABELS } from '../../runtime/contract';
import { Yaml } from 'cdk8s';
import { fileName } from './chart-files';
import type { GeneratedChart } from './chart-files';
import type { ReleaseIndexEntry } from './delivery';
import { bootstrap, gitSource } from './gitops';
import type { GitSource } from './gitops';
import { boundValues } from './helm';
import { addonEntry, chartEntry, indexFile } from './index-file';
import { describeObject } from './late-binding';
import type { ManifestObject } from './late-binding';
import type { PlannedRelease } from './releases';
import { FLUX_DIALECT, objectText } from './template';
import type { DeliveryInput } from './workloads';
import type { DeliveryOutput } from './writers';

/** Name of the bridge object: the ConfigMap that Terraform fills with the late-bound values. */
const VARIABLES = 'lnmt-cluster-vars';

/**
 * Flux: the committed folder holds plain manifests, one folder and one Kustomization a release, each depending on the one
 * before it. The one bridge object is a ConfigMap that Terraform writes and every Kustomization substitutes from.
 *
 * @see https://fluxcd.io/flux/components/kustomize/kustomizations/
 */
export function writeFlux(input: DeliveryInput): DeliveryOutput {
  const { releases } = input;
  const git = gitSource(input);
  const controller = flux();
  const sharedFiles = new Map<string, string>();
  const entries: ReleaseIndexEntry[] = [];
  const folders: GeneratedChart[] = [];
  const put = (file: string, content: string): void => void sharedFiles.set(`${git.outputPath}/${file}`, content);
  releases.forEach((planned, position) => {
    const folder = releaseFolder(input, planned);
    folders.push(folder);
    for (const [file, content] of folder.files) put(`${planned.name}/${file}`, content);
    entries.push(
      planned.kind === 'addon' ? addonEntry(planned) : chartEntry(planned, `${git.outputPath}/${planned.name}`),
    );
    const before = releases[position - 1];
    put(`releases/${planned.name}.yaml`, Yaml.stringify(kustomization(git, controller.namespace, planned, before)));
  });
  put('releases/kustomization.yaml', kustomizationFile(releases.map((planned) => `${planned.name}.yaml`)));
  const values = [...new Set(folders.flatMap((folder) => folder.values))].sort();
  const { stackFiles } = bootstrap(input, controller, rootObjects(input, git, controller.namespace, values));
  return { stackFiles: new Map([...stackFiles, indexFile(input, entries, folders)]), sharedFiles };
}

function releaseFolder(input: DeliveryInput, planned: PlannedRelease): GeneratedChart {
  const objects =
    planned.kind === 'addon'
      ? addonObjects(planned).map((object) => ({ owner: input.workloads, object }))
      : planned.parts.flatMap((part) => part.objects.map((object) => ({ owner: part.owner, object })));
  const files = new Map<string, string>();
  const values = new Set<string>();
  for (const { owner, object } of objects) {
    const rendered = objectText(owner, object, input.binding, FLUX_DIALECT);
    rendered.values.forEach((value) => values.add(value));
    files.set(`${fileName(describeObject(object))}.yaml`, rendered.text);
  }
  files.set('kustomization.yaml', kustomizationFile([...files.keys()]));
  return { name: planned.name, folder: planned.name, files, values: [...values].sort() };
}

function addonObjects(planned: Extract<PlannedRelease, { kind: 'addon' }>): readonly ManifestObject[] {
  const { addon } = planned;
  const oci = addon.chart.repository.startsWith('oci://');
  const keep = addon.layer === '00-crds' ? { crds: 'CreateReplace' } : {};
  return [
    {
      apiVersion: 'source.toolkit.fluxcd.io/v1',
      kind: 'HelmRepository',
      metadata: { name: addon.name, namespace: addon.namespace },
      spec: { url: addon.chart.repository, interval: '1h', ...(oci ? { type: 'oci' } : {}) },
    },
    {
      apiVersion: 'helm.toolkit.fluxcd.io/v2',
      kind: 'HelmRelease',
      metadata: { name: addon.name, namespace: addon.namespace },
      spec: {
        interval: '1h',
        releaseName: addon.name,
        chart: {
          spec: {
            chart: addon.chart.name,
            version: addon.chart.version,
            sourceRef: { kind: 'HelmRepository', name: addon.name },
          },
        },
        install: { remediation: { retries: 5 }, ...keep },
        upgrade: { remediation: { retries: 5 }, ...keep },
        values: addon.values ?? {},
      },
    },
  ];
}

function kustomization(
  git: GitSource,
  namespace: string,
  planned: PlannedRelease,
  before: PlannedRelease | undefined,
): ManifestObject {
  return {
    apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
    kind: 'Kustomization',
    metadata: { name: planned.name, namespace, labels: { [LABELS.layer]: planned.layer } },
    spec: {
      interval: '10m',
      retryInterval: '1m',
      timeout: '15m',
      path: `./${git.path}/${planned.name}`,
      prune: planned.layer !== '00-crds',
      wait: planned.layer !== '30-apps',
      sourceRef: { kind: 'GitRepository', name: repositoryName(git) },
      postBuild: { substituteFrom: [{ kind: 'ConfigMap', name: VARIABLES }] },
      ...(before === undefined ? {} : { dependsOn: [{ name: before.name }] }),
    },
  };
}

function repositoryName(git: GitSource): string {
  return git.path.split('/').at(-1) ?? 'lnmt';
}

function kustomizationFile(resources: readonly string[]): string {
  return Yaml.stringify({
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    resources: [...resources].sort(),
  });
}

function rootObjects(
  input: DeliveryInput,
  git: GitSource,
  namespace: string,
  values: readonly string[],
): readonly ManifestObject[] {
  return [
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: VARIABLES, namespace },
      data: boundValues(values, input.binding),
    },
    {
      apiVersion: 'source.toolkit.fluxcd.io/v1',
      kind: 'GitRepository',
      metadata: { name: repositoryName(git), namespace },
      spec: { interval: '1m', url: git.url, ref: reference(git.revision) },
    },
    {
      apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
      kind: 'Kustomization',
      metadata: { name: repositoryName(git), namespace },
      spec: {
        interval: '10m',
        path: `./${git.path}/releases`,
        prune: true,
        sourceRef: { kind: 'GitRepository', name: repositoryName(git) },
      },
    },
  ];
}

function reference(revision: string): Record<string, string> {
  return /^v?\d+\.\d+/.test(revision) ? { tag: revision } : { branch: revision };
}
