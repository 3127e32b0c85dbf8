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
    const application = childApplication(input, git, controller.namespace, planned, position, values);
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

function childApplication(
  input: DeliveryInput,
  git: GitSource,
  namespace: string,
  planned: PlannedRelease,
  position: number,
  values: readonly string[],
): ManifestObject {
  const source =
    planned.kind === 'addon'
      ? {
          repoURL: planned.addon.chart.repository.replace(/^oci:\/\//, ''),
          chart: planned.addon.chart.name,
          targetRevision: planned.addon.chart.version,
          helm: { releaseName: planned.name, valuesObject: planned.addon.values ?? {} },
        }
      : {
          repoURL: git.url,
          targetRevision: git.revision,
          path: `${git.path}/charts/${planned.name}`,
          helm: { releaseName: planned.name, valuesObject: boundValues(values, input.binding) },
        };
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
        server: 'https://kubernetes.default.svc',
        namespace: planned.kind === 'addon' ? planned.addon.namespace : RELEASE_NAMESPACE,
      },
      source,
      // Replicas belong to the autoscaler, CA bundles to the controllers that inject them.
      ignoreDifferences: [
        { group: 'apps', kind: 'Deployment', jsonPointers: ['/spec/replicas'] },
        {
          group: 'admissionregistration.k8s.io',
          kind: 'ValidatingWebhookConfiguration',
          jqPathExpressions: ['.webhooks[].clientConfig.caBundle'],
        },
        {
          group: 'admissionregistration.k8s.io',
          kind: 'MutatingWebhookConfiguration',
          jqPathExpressions: ['.webhooks[].clientConfig.caBundle'],
        },
      ],
      syncPolicy: {
        automated: { prune: planned.layer !== '00-crds', selfHeal: true },
        syncOptions: ['ServerSideApply=true', 'SkipDryRunOnMissingResource=true', 'RespectIgnoreDifferences=true'],
        retry: { limit: 10, backoff: { duration: '10s', factor: 2, maxDuration: '5m' } },
      },
    },
  };
}

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
  const charts = input.releases.flatMap((planned) =>
    planned.kind === 'addon' ? [planned.addon.chart.repository.replace(/^oci:\/\//, '')] : [],
  );
  const project: ManifestObject = {
    apiVersion: API,
    kind: 'AppProject',
    metadata: { name: projectName(input), namespace },
    spec: {
      description: 'What LNMT synthesized for this platform, and nothing else',
      sourceRepos: [...new Set([git.url, ...charts])].sort(),
      destinations: [{ server: 'https://kubernetes.default.svc', namespace: '*' }],
      clusterResourceWhitelist: [{ group: '*', kind: '*' }],
    },
  };
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
      destination: { server: 'https://kubernetes.default.svc', namespace },
      source: {
        repoURL: git.url,
        targetRevision: git.revision,
        path: `${git.path}/apps`,
        helm: { valuesObject: boundValues(values, input.binding) },
      },
      syncPolicy: { automated: { prune: true, selfHeal: true }, syncOptions: ['ServerSideApply=true'] },
    },
  };
  return [project, root];
}
