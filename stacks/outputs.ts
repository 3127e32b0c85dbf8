import type { TerraformStack } from 'cdktf';
import { TerraformOutput } from 'cdktf';
import type { GpuTrainingCluster, INodePool, InferenceEndpoint, LnmtPlatform } from '../constructs';
import { legalName } from '../constructs/names';
import { PORTS, modelPath } from '../runtime/contract';

/** Names of the outputs of an infrastructure stack. */
export const INFRASTRUCTURE_OUTPUTS = {
  clusterName: 'cluster_name',
  kubeconfigCommand: 'kubeconfig_command',
  modelStore: 'model_store',
  registry: 'registry',
  registryLoginCommand: 'registry_login_command',
  nameServers: 'name_servers',
  bastionCommand: 'bastion_command',
} as const;

/** Outputs that say what a person does next: kubeconfig, registry login, where models go. */
export function infrastructureOutputs(stack: TerraformStack, platform: LnmtPlatform): void {
  const names = INFRASTRUCTURE_OUTPUTS;
  output(stack, names.clusterName, platform.cluster.clusterName, 'Name of the Kubernetes cluster');
  output(stack, names.kubeconfigCommand, platform.cluster.kubeconfigCommand, 'Writes a kubeconfig for people');
  output(stack, names.modelStore, platform.modelStore?.uri, 'Store for `lnmt model push NAME FILE --store …`');
  output(stack, names.registry, platform.registry?.prefix, 'Prefix for `lnmt images push --registry …`');
  output(stack, names.registryLoginCommand, platform.registry?.loginCommand, 'Logs a container client in');
  output(stack, names.nameServers, platform.dns?.nameServers, 'Name servers to enter at the parent zone');
  output(stack, names.bastionCommand, platform.bastion?.connectCommand, 'Opens a session on the bastion');
  labelOutput(stack, platform.nodes);
}

/** Outputs of a workloads stack: how nodes that exist become those of its own pools. */
export function poolOutputs(stack: TerraformStack, owners: readonly (InferenceEndpoint | GpuTrainingCluster)[]): void {
  for (const owner of owners) if (owner.nodes?.node.scope === owner) labelOutput(stack, owner.nodes);
}

/** Outputs of a workloads stack: how to reach each endpoint. */
export function endpointOutputs(stack: TerraformStack, endpoints: readonly InferenceEndpoint[]): void {
  for (const endpoint of endpoints) {
    const name = legalName({ maxLength: 60, separator: '_' }, [endpoint.endpointName]);
    const { namespace, endpointName, url } = endpoint;
    const { protocol, hostname } = new URL(url);
    const origin = `${protocol}//${protocol === 'https:' ? hostname : '127.0.0.1'}:${PORTS.http}`;
    // The certificate names the Service, so that is asked for at the other end of the forwarded port.
    const certificate = protocol === 'https:' ? `--cacert ca.crt --resolve ${hostname}:${PORTS.http}:127.0.0.1 ` : '';
    output(
      stack,
      `endpoint_${name}_port_forward`,
      `kubectl -n ${namespace} port-forward service/${endpointName} ${PORTS.http}:${PORTS.http}`,
      'Opens the endpoint on this machine',
    );
    output(
      stack,
      `endpoint_${name}_curl`,
      `curl ${certificate}-H "Authorization: Bearer $LNMT_API_KEY" ${origin}${modelPath(endpoint.modelName)}`,
      'Describes the model; its inputs and outputs are what an inference request needs',
    );
  }
}

function labelOutput(stack: TerraformStack, pool: INodePool | undefined): void {
  if (pool === undefined) return;
  const name = legalName({ maxLength: 60, separator: '_' }, [pool.poolName]);
  output(stack, `nodes_${name}_label_command`, pool.labelCommand, 'Labels the nodes of the pool: pods wait for these');
}

function output(stack: TerraformStack, name: string, value: unknown, description: string): void {
  if (value === undefined) return;
  new TerraformOutput(stack, name, { value, description });
}
