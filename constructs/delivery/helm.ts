import { HelmProvider } from '@cdktf/provider-helm/lib/provider';
import type { ReleaseConfig } from '@cdktf/provider-helm/lib/release';
import { Release } from '@cdktf/provider-helm/lib/release';
import type { ITerraformDependable } from 'cdktf';
import { Fn, TerraformResource, TerraformStack, TerraformVariable } from 'cdktf';
import type { IConstruct } from 'constructs';
import type { Addon } from '../addons/addon';
import type { ClusterConnection } from '../cloud/cluster';
import type { DeploymentCheck } from '../cloud/kubernetes-parts';
import { asExpression } from '../expression';
import { PROVIDER_RANGES } from '../versions';
import type { GeneratedChart } from './chart-files';
import type { LateBinding } from './late-binding';
import type { Workloads } from './workloads';

/** Seconds that Helm waits for a release of layers 00 to 20. */
export const RELEASE_TIMEOUT_SECONDS = 900;

/** Namespace that holds the release records of generated charts; their objects name their own. */
export const RELEASE_NAMESPACE = 'kube-system';

/** Name of the Terraform variable with the path of a kubeconfig. */
export const KUBECONFIG_VARIABLE = 'kubeconfig_path';

const EXEC_API = 'client.authentication.k8s.io/v1';

/** Configures the Helm provider of the workloads' stack; repeating it changes nothing. */
export function helmProvider(workloads: Workloads): void {
  if (workloads.node.tryFindChild('helm') !== undefined) return;
  const { connection } = workloads.props;
  new HelmProvider(workloads, 'helm', { kubernetes: providerConnection(workloads, connection) });
  workloads.stack.addOverride('terraform.required_providers.helm.version', PROVIDER_RANGES.helm);
}

function providerConnection(workloads: Workloads, connection: ClusterConnection) {
  if (connection.kind === 'exec') {
    return {
      host: connection.host,
      clusterCaCertificate: Fn.base64decode(connection.certificateAuthorityData),
      exec: {
        apiVersion: EXEC_API,
        command: connection.command,
        args: [...connection.args],
        ...(connection.env ? { env: { ...connection.env } } : {}),
      },
    };
  }
  const variable = new TerraformVariable(workloads, KUBECONFIG_VARIABLE, {
    type: 'string',
    description: 'Path of the kubeconfig with which the workloads are deployed',
    ...(connection.path === undefined ? {} : { default: connection.path }),
  });
  variable.overrideLogicalId(KUBECONFIG_VARIABLE);
  return {
    configPath: variable.stringValue,
    ...(connection.context === undefined ? {} : { configContext: connection.context }),
  };
}

/**
 * A Helm release of a chart of others.
 *
 * @param createNamespace true where no release before it creates the namespace
 */
export function addonRelease(
  workloads: Workloads,
  addon: Addon,
  dependsOn: ITerraformDependable[],
  createNamespace = false,
): Release {
  return defineRelease(workloads, addon.name, {
    name: addon.name,
    namespace: addon.namespace,
    repository: addon.chart.repository,
    chart: addon.chart.name,
    version: addon.chart.version,
    values: addon.values === undefined ? undefined : [Fn.yamlencode(asExpression(addon.values))],
    dependsOn,
    ...(createNamespace ? { createNamespace } : {}),
    ...waiting(true),
  });
}

/** A Helm release of a generated chart in the stack's `charts` folder. */
export function chartRelease(
  workloads: Workloads,
  chart: GeneratedChart,
  binding: LateBinding,
  options: { readonly wait: boolean; readonly atomic: boolean; readonly dependsOn: ITerraformDependable[] },
): Release {
  return defineRelease(workloads, chart.name, {
    name: chart.name,
    namespace: RELEASE_NAMESPACE,
    chart: `./charts/${chart.folder}`,
    values: chart.values.length === 0 ? undefined : [Fn.yamlencode(boundValues(chart.values, binding))],
    dependsOn: options.dependsOn,
    ...waiting(options.wait || options.atomic),
    atomic: options.atomic,
  });
}

/**
 * Terraform resources of this stack that belong to the given constructs: identities, grants, claims. A pod that starts
 * before its identity exists never gets one, so releases wait for them.
 */
export function resourcesOf(workloads: Workloads, owners: readonly IConstruct[]): ITerraformDependable[] {
  const found = new Set<TerraformResource>();
  for (const owner of owners) {
    if (owner === workloads || TerraformStack.of(owner) !== workloads.stack) continue;
    for (const node of owner.node.findAll()) if (TerraformResource.isTerraformResource(node)) found.add(node);
  }
  return [...found];
}

/** The tokens of late-bound values by name. */
export function boundValues(names: readonly string[], binding: LateBinding): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, binding.token(name)]));
}

/** Makes the first release refuse while a check fails, so that nothing is installed. */
export function guard(release: Release | undefined, checks: readonly DeploymentCheck[]): void {
  if (release === undefined || checks.length === 0) return;
  release.lifecycle = {
    ...release.lifecycle,
    precondition: checks.map((check) => ({ condition: check.condition, errorMessage: check.message })),
  };
}

function waiting(wait: boolean): Pick<ReleaseConfig, 'wait' | 'timeout' | 'atomic' | 'maxHistory' | 'lint'> {
  return { wait, atomic: wait, timeout: RELEASE_TIMEOUT_SECONDS, maxHistory: 5, lint: false };
}

// The same app may be synthesized twice: a release keeps its construct and takes the new chart.
function defineRelease(workloads: Workloads, id: string, config: ReleaseConfig): Release {
  const existing = workloads.node.tryFindChild(id);
  if (existing === undefined) return new Release(workloads, id, config);
  const release = existing as Release;
  release.chart = config.chart;
  if (config.values !== undefined) release.values = config.values;
  return release;
}
