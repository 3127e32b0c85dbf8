import fs from 'node:fs';
import path from 'node:path';
import { filesBelow } from '../../support/manifests';
import type { Manifest } from '../../support/manifests';
import type { Cluster } from './cluster';
import { waitFor } from '../processes';
import type { Checks } from '../suite';

/** Applies the upstream CustomResourceDefinitions of every API group that some object uses. */
export async function applyDefinitions(
  checks: Checks,
  cluster: Cluster,
  folder: string,
  manifests: readonly Manifest[],
): Promise<void> {
  const groups = new Set(
    manifests.flatMap(({ apiVersion }) => (apiVersion.includes('.') ? [apiVersion.split('/')[0] ?? ''] : [])),
  );
  const files = filesBelow(folder, ['.yaml', '.yml']).filter((file) => {
    const group = /^ {2}group: ["']?([\w.-]+)/m.exec(fs.readFileSync(path.join(folder, file), 'utf8'))?.[1];
    return group !== undefined && groups.has(group);
  });
  await checks.check(`the API server takes ${files.length} upstream definition files`, async () => {
    for (let i = 0; i < files.length; i += 10) {
      const args = files.slice(i, i + 10).flatMap((file) => ['-f', path.join(folder, file)]);
      await cluster.kubectlOk(['apply', '--server-side', '--force-conflicts', ...args]);
    }
    await waitFor('the definitions to be served', 60_000, async () => {
      const definitions = await cluster.api.list('/apis/apiextensions.k8s.io/v1/customresourcedefinitions');
      return definitions.every(({ status }) =>
        ((status?.['conditions'] ?? []) as unknown as { type: string; status: string }[]).some(
          (c) => c.type === 'Established' && c.status === 'True',
        ),
      );
    });
  });
}
