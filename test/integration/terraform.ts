import path from 'node:path';
import { synthesizeExamples } from '../support/examples';
import { readTerraform, stacksOf } from '../support/terraform-json';
import { applyAgainstMoto } from './moto';
import { NEWER_THAN_BINARY } from './moto-lists';
import { reasonToSkip } from './tools';
import { findTerraform, newerArguments, requiredProviders, WorkingCopy } from './terraform-driver';
import type { Terraform } from './terraform-driver';
import { noFaults, Skip } from './suite';
import type { Checks, Suite } from './suite';

/** The stack that is really applied, planned again and destroyed. */
const APPLIED = { example: 'aws-inference', stack: /infra$/ };

/** Real Terraform with the provider binaries at hand over every synthesized stack. */
export const terraform: Suite = {
  name: 'terraform',
  timeoutMinutes: 20,
  run: async (checks: Checks) => {
    const found = await findTerraform();
    checks.note(
      `${found.program}, ${Object.entries(found.versions)
        .map(([name, version]) => `${name} ${version}`)
        .join(', ')}`,
    );
    const newer = new Set<string>();
    for (const { name, outdir } of await synthesizeExamples()) {
      for (const stack of stacksOf(outdir)) {
        newerArguments(readTerraform(stack.file)).forEach((argument) => newer.add(argument));
        await checks.check(`${name}/${stack.name}: init and validate`, () =>
          validate(checks, found, `${name}-${stack.name}`, stack.file),
        );
        if (name === APPLIED.example && APPLIED.stack.test(stack.name))
          await applyAgainstMoto(checks, found, stack.file);
      }
    }
    const listed = Object.entries(NEWER_THAN_BINARY).flatMap(([type, names]) =>
      names.map((argument) => `${type}.${argument}`),
    );
    await checks.check(`every argument listed as newer than the binary is in use: ${listed.join(', ')}`, () =>
      noFaults(listed.filter((argument) => !newer.has(argument))),
    );
  },
};

async function validate(checks: Checks, found: Terraform, label: string, file: string): Promise<void> {
  const missing = reasonToSkip(() => {
    const absent = requiredProviders(file).filter((name) => !found.versions[name]);
    if (absent.length > 0)
      throw new Skip(`no binary of provider ${absent.join(', ')} at hand (npm test judges it by its bindings)`);
  });
  if (missing) throw new Skip(missing);
  const copy = new WorkingCopy(found, path.join(checks.folder, label));
  copy.prepare(file);
  await copy.call(['init', '-no-color']);
  await copy.call(['validate', '-no-color']);
}
