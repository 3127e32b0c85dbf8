import fs from 'node:fs';
import path from 'node:path';
import { synthesizeExamples } from '../support/examples';
import { ProviderFacts } from '../support/provider-facts';
import type { FactFinding } from '../support/provider-facts';
import { readTerraform, stacksOf } from '../support/terraform-json';
import { noFaults } from './suite';
import type { Checks, Suite } from './suite';
import { folderFrom } from './tools';

/** Every synthesized stack against what the real providers declare and refuse. */
export const providerFacts: Suite = {
  name: 'provider-facts',
  timeoutMinutes: 4,
  run: async (checks: Checks) => {
    const given = folderFrom('PROVIDER_FACTS_DIR');
    const inner = path.join(given, 'providers');
    const facts = new ProviderFacts(fs.existsSync(inner) ? inner : given);
    for (const { name, outdir } of await synthesizeExamples()) {
      for (const stack of stacksOf(outdir)) {
        const findings = facts.check(readTerraform(stack.file)).filter(counts);
        for (const { at, text } of findings.filter(({ level }) => level === 'warning'))
          checks.note(`${stack.name}: ${at}: ${text}`);
        await checks.check(`${name}/${stack.name}: the providers would accept it`, () =>
          noFaults(findings.filter(({ level }) => level === 'error').map(({ at, text }) => `${at}: ${text}`)),
        );
      }
    }
  },
};

/**
 * The facts of AWS are of provider 5.100, the bindings of 6.25. What exists, is required or can be set is for the bindings to say, and
 * `npm test` asks them; values are judged here.
 */
function counts(finding: FactFinding): boolean {
  return !(finding.declaration && /^(data\.)?aws_|^provider\.aws\[/.test(finding.at));
}
