import { argoCd } from '../addons/argo-cd';
import { LAYERS } from '../layers';
import { chartYaml, generateChart } from './chart-files';
import type { GeneratedChart } from './chart-files';
import type { ReleaseIndexEntry } from './delivery';
import { bootstrap, gitSource, valuesOf } from './gitops';
import type { GitSource } from './gitops';
import { RELEASE_NAMESPACE, boundValues } from './helm';
import { addonEntry, chartEntry, indexFile } from './index-file';
import type { ManifestObject } from './late-binding';
import type { PlannedRelease } from './releases';
import { HELM_DIALECT, objectText } from './template';
import type { DeliveryInput } from './workloads';
import type { DeliveryOutput } from './writers';

const API = 'argoproj.io/v1alpha1';

/**
 * Argo CD: the committed folder holds the charts and a chart of Applications, one a release, ordered by sync waves. The one
 * bridge object is the root Application, which Terraform creates with the late-bound values in it.
 *
 * @see https://argo-cd.readthedocs.io/en/stable/operator-manual/cluster-bootstrapping/
 */
export function writeArgocd(input: DeliveryInput): DeliveryOutput {
  const { workloads, releases, binding } = input;
  const git = gitSource(input);
  const controller = argoCd();
  const sharedFiles = new Map<string, string>();
  const entries: ReleaseIndexEntry[] = [];
  const charts: GeneratedChart[] = [];
  const used = new Set<string>();
  const put = (file: string, content: string): void => void sharedFiles.set(`${git.outputPath}/${file}`, content);
  releases.forEach((planned, position) => {
    let values: readonly string[];
    if (planned.kind === 'addon') {
      values = valuesOf(input, planned.addon.values ?? {});
      entries.push(addonEntry(planned));
    } else {
      const chart = generateChart(planned, binding);
      charts.push(chart);
      values = chart.values;
      for (const [file, content] of chart.files) put(`charts/${chart.name}/${file}`, content);
      entries.push(chartEntry(planned, `${git.outputPath}/charts/${chart.name}`));
    }
    values.forEach((value) => used.add(value));
    const application = childApplication(input, git, controller.namespace, { planned, position, values });
    put(`apps/templates/${planned.name}.yaml`, objectText(workloads, application, binding, HELM_DIALECT).text);
  });
  put('apps/Chart.yaml', chartYaml(`${workloads.stack.node.id}-apps`));
  put(
    'apps/values.yaml',
    [...used]
      .sort()
      .map((name) => `${name}: ""\n`)
      .join('') || '{}\n',
  );
  const root = rootObjects(input, git, controller.namespace, [...used].sort());
  const { stackFiles } = bootstrap(input, controller, root);
  return { stackFiles: new Map([...stackFiles, indexFile(input, entries, charts)]), sharedFiles };
}

/** One release as an Application. */
interface Child {
  readonly planned: PlannedRelease;
  /** Place in the order of installation. */
  readonly position: number;
  /** Late-bound values that it needs. */
  readonly values: readonly string[];
}

function childApplication(input: DeliveryInput, git: GitSource, namespace: string, child: Child): ManifestObject {
  const { planned, position } = child;
  return {
    apiVersion: API,
    kind: 'Application',
    metadata: {
      name: planned.name,
      namespace,
      annotations: { 'argocd.argoproj.io/sync-wave': String(LAYERS.indexOf(planned.layer) * 100 + position) },
      ...finalizerUnlessDefinitions(planned),
    },
    spec: {
      project: projectName(input),
      destination: {
        server: IN_CLUSTER,
        namespace: planned.kind === 'addon' ? planned.addon.namespace : RELEASE_NAMESPACE,
      },
      source: childSource(input, git, child),
      ignoreDifferences: IGNORED_DIFFERENCES,
      syncPolicy: {
        automated: { prune: planned.layer !== '00-crds', selfHeal: true },
        syncOptions: ['ServerSideApply=true', 'SkipDryRunOnMissingResource=true', 'RespectIgnoreDifferences=true'],
        retry: { limit: 10, backoff: { duration: '10s', factor: 2, maxDuration: '5m' } },
      },
    },
  };
}

function childSource(input: DeliveryInput, git: GitSource, { planned, values }: Child): object {
  if (planned.kind === 'addon') {
    const { chart, values: valuesObject = {} } = planned.addon;
    return {
      repoURL: withoutScheme(chart.repository),
      chart: chart.name,
      targetRevision: chart.version,
      helm: { releaseName: planned.name, valuesObject },
    };
  }
  return {
    repoURL: git.url,
    targetRevision: git.revision,
    path: `${git.path}/charts/${planned.name}`,
    helm: { releaseName: planned.name, valuesObject: boundValues(values, input.binding) },
  };
}

// Argo CD names OCI registries without a scheme.
function withoutScheme(repository: string): string {
  return repository.replace(/^oci:\/\//, '');
}

/** The API server of the cluster that Argo CD runs in. */
const IN_CLUSTER = 'https://kubernetes.default.svc';

const CA_BUNDLES = ['.webhooks[].clientConfig.caBundle'] as const;

/** Replicas belong to the autoscaler, CA bundles to the controllers that inject them. */
const IGNORED_DIFFERENCES = [
  { group: 'apps', kind: 'Deployment', jsonPointers: ['/spec/replicas'] },
  ...['ValidatingWebhookConfiguration', 'MutatingWebhookConfiguration'].map((kind) => ({
    group: 'admissionregistration.k8s.io',
    kind,
    jqPathExpressions: CA_BUNDLES,
  })),
];

// Definitions stay when their Application goes: removing one removes every object of its kind.
function finalizerUnlessDefinitions(planned: PlannedRelease): { readonly finalizers?: readonly string[] } {
  return planned.layer === '00-crds' ? {} : { finalizers: ['resources-finalizer.argocd.argoproj.io'] };
}

function projectName(input: DeliveryInput): string {
  return `lnmt-${input.workloads.stack.node.id}`;
}

function rootObjects(
  input: DeliveryInput,
  git: GitSource,
  namespace: string,
  values: readonly string[],
): readonly ManifestObject[] {
  const root: ManifestObject = {
    apiVersion: API,
    kind: 'Application',
    metadata: {
      name: input.workloads.stack.node.id,
      namespace,
      finalizers: ['resources-finalizer.argocd.argoproj.io'],
    },
    spec: {
      project: projectName(input),
      destination: { server: IN_CLUSTER, namespace },
      source: {
        repoURL: git.url,
        targetRevision: git.revision,
        path: `${git.path}/apps`,
        helm: { valuesObject: boundValues(values, input.binding) },
      },
      syncPolicy: { automated: { prune: true, selfHeal: true }, syncOptions: ['ServerSideApply=true'] },
    },
  };
  return [project(input, git, namespace), root];
}

function project(input: DeliveryInput, git: GitSource, namespace: string): ManifestObject {
  const charts = input.releases.flatMap((planned) =>
    planned.kind === 'addon' ? [withoutScheme(planned.addon.chart.repository)] : [],
  );
  return {
    apiVersion: API,
    kind: 'AppProject',
    metadata: { name: projectName(input), namespace },
    spec: {
      description: 'What LNMT synthesized for this platform, and nothing else',
      sourceRepos: [...new Set([git.url, ...charts])].sort(),
      destinations: [{ server: IN_CLUSTER, namespace: '*' }],
      clusterResourceWhitelist: [{ group: '*', kind: '*' }],
    },
  };
}
