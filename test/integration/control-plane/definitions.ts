import fs from 'node:fs';
import path from 'node:path';
import { filesBelow } from '../../support/manifests';
import type { Manifest } from '../../support/manifests';
import type { JsonObject } from '../../support/terraform-json';
import { KINDS_WITHOUT_SCHEMA } from '../../support/without-schema';
import type { KindWithoutSchema } from '../../support/without-schema';
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
    await cluster.kubectlOk(
      ['apply', '--server-side', '-f', '-'],
      JSON.stringify({ apiVersion: 'v1', kind: 'List', items: KINDS_WITHOUT_SCHEMA.map(openDefinition) }),
    );
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

/** A definition that takes anything, so that the rest of a release can be judged although one of its kinds cannot. */
function openDefinition({ group, version, kind, plural }: KindWithoutSchema): JsonObject {
  const anything = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  const schema = { openAPIV3Schema: { type: 'object', properties: { spec: anything, status: anything } } };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { kind, plural, singular: kind.toLowerCase() },
      versions: [{ name: version, served: true, storage: true, schema }],
    },
  };
}
