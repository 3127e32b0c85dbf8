import fs from 'node:fs';
import path from 'node:path';
import { stringify } from 'yaml';
import { manifestsOf } from '../support/charts';
import { synthesizeExamples } from '../support/examples';
import { stacksOf } from '../support/terraform-json';
import { ACCEPTED } from './checkov-list';
import { findProgram, run } from './processes';
import { noFaults, Skip } from './suite';
import type { Checks, Suite } from './suite';
import { toolsDir } from './tools';

interface Report {
  readonly results?: { readonly failed_checks: readonly { check_id: string; check_name: string; resource: string }[] };
  readonly summary?: { readonly passed: number };
}

/** A scanner of others over all examples: what it still finds is listed with a reason, exactly. */
export const checkov: Suite = {
  name: 'checkov',
  timeoutMinutes: 10,
  run: async (checks: Checks) => {
    const program = findCheckov();
    const found = new Map<string, Set<string>>();
    let passed = 0;
    for (const { name, outdir } of await synthesizeExamples()) {
      for (const report of await scan(program, layOut(checks, name, outdir))) {
        passed += report.summary?.passed ?? 0;
        for (const { check_id: id, check_name: title, resource } of report.results?.failed_checks ?? []) {
          const subjects = found.get(id) ?? new Set();
          found.set(id, subjects.add(`${name}: ${resource} (${title})`));
        }
      }
    }
    await checks.check(
      `${passed} findings passed, and none failed but the ${Object.keys(ACCEPTED).length} accepted ones`,
      () => {
        if (passed === 0) throw new Error('nothing was scanned');
        noFaults(
          [...found]
            .filter(([id]) => !ACCEPTED[id])
            .map(
              ([id, subjects]) =>
                `${id}: ${[...subjects].slice(0, 4).join('; ')}${subjects.size > 4 ? `; and ${subjects.size - 4} more` : ''}`,
            )
            .sort(),
        );
      },
    );
    await checks.check('every accepted finding is still found', () =>
      noFaults(Object.keys(ACCEPTED).filter((id) => !found.has(id))),
    );
  },
};

function findCheckov(): string {
  const candidates = [path.join(toolsDir(), 'checkov/bin/checkov'), findProgram('checkov')];
  const program = candidates.find((candidate) => candidate !== undefined && fs.existsSync(candidate));
  if (!program) throw new Skip('checkov is not installed (test/tools/install-checkov.sh)');
  return program;
}

/** The stacks as they are, and every manifest as the cluster would get it. */
function layOut(checks: Checks, name: string, outdir: string): string {
  const folder = path.join(checks.folder, name);
  for (const stack of stacksOf(outdir)) {
    fs.mkdirSync(path.join(folder, stack.name), { recursive: true });
    fs.copyFileSync(stack.file, path.join(folder, stack.name, 'cdk.tf.json'));
  }
  const documents = manifestsOf(outdir).map(({ object }) => stringify(object));
  fs.writeFileSync(path.join(folder, 'manifests.yaml'), documents.join('---\n'));
  return folder;
}

async function scan(program: string, folder: string): Promise<Report[]> {
  const args = [
    '-d',
    folder,
    '--skip-download',
    '--compact',
    '--quiet',
    '--framework',
    'terraform',
    'kubernetes',
    '-o',
    'json',
  ];
  const { stdout, output } = await run(program, args, {
    timeoutMs: 240_000,
    env: { CHECKOV_RUN_SCA_PACKAGE_SCAN_V2: 'false', LOG_LEVEL: 'ERROR' },
  });
  if (!/^[[{]/.test(stdout.trim())) throw new Error(`checkov: ${output.slice(-2000)}`);
  return [JSON.parse(stdout) as Report | Report[]].flat();
}
