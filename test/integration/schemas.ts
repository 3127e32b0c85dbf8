import path from 'node:path';
import { manifestsOf } from '../support/charts';
import { synthesizeExamples } from '../support/examples';
import { readDefinitions, StrictSchemas } from '../support/strict-schemas';
import { withoutSchema } from '../support/without-schema';
import { noFaults } from './suite';
import type { Checks, Suite } from './suite';
import { folderFrom } from './tools';

/** The oldest release whose objects LNMT still means to fit, and the default one. */
const RELEASES = ['1.33', '1.36'];

/** Every Kubernetes object of every example against the published schemas: unknown fields are faults. */
export const schemas: Suite = {
  name: 'schemas',
  timeoutMinutes: 8,
  run: async (checks: Checks) => {
    const folder = folderFrom('K8S_SCHEMAS_DIR');
    const custom = readDefinitions(path.join(folder, 'crds'));
    const examples = await synthesizeExamples();
    for (const release of RELEASES) {
      const judge = new StrictSchemas(path.join(folder, `k8s/v${release}.json`), custom);
      for (const { name, outdir } of examples) {
        const all = manifestsOf(outdir);
        const manifests = all.filter((manifest) => !withoutSchema(manifest));
        for (const { kind, reason } of new Set(all.flatMap((manifest) => withoutSchema(manifest) ?? [])))
          checks.skip(`${name}: ${kind} against Kubernetes ${release}`, reason);
        await checks.check(`${name}: ${manifests.length} objects fit Kubernetes ${release}`, () =>
          noFaults(manifests.flatMap((manifest) => judge.check(manifest))),
        );
      }
    }
  },
};
