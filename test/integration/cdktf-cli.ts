import fs from 'node:fs';
import path from 'node:path';
import { startMoto } from './moto';
import { run, tail } from './processes';
import { Skip } from './suite';
import type { Checks, Suite } from './suite';
import { findTerraform, WorkingCopy } from './terraform-driver';
import { installedTool, root } from './tools';

/** The command line that users type, once: `cdktf synth` and `cdktf diff` of the infrastructure, from `cdktf.json`. */
export const cdktfCli: Suite = {
  name: 'cdktf-cli',
  timeoutMinutes: 8,
  run: async (checks: Checks) => {
    const program = findCli();
    const out = path.join(checks.folder, 'cdktf.out');
    const quiet = {
      CHECKPOINT_DISABLE: '1',
      DISABLE_VERSION_CHECK: '1',
      CI: 'true',
      FORCE_COLOR: '0',
      npm_config_loglevel: 'error',
    };
    const cdktf = async (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> => {
      const { code, output } = await run(process.execPath, [program, ...args], {
        cwd: root,
        env: { ...quiet, ...env },
        timeoutMs: 240_000,
      });
      if (code !== 0) throw new Error(`cdktf ${args.join(' ')}: exit ${code}\n${tail(output, 40)}`);
      return output;
    };
    const stacks = Object.keys(await stackNames(checks, cdktf, out));
    const infra = stacks.find((name) => name.endsWith('-infra'));
    if (!infra) return;
    await checks.check(`cdktf diff ${infra} plans what would be created`, () => diff(checks, cdktf, infra, out));
  },
};

async function stackNames(
  checks: Checks,
  cdktf: (args: readonly string[]) => Promise<string>,
  out: string,
): Promise<Record<string, unknown>> {
  let stacks: Record<string, unknown> = {};
  await checks.check('cdktf synth writes the stacks of cdktf.json', async () => {
    await cdktf(['synth', '--output', out]);
    ({ stacks } = JSON.parse(fs.readFileSync(path.join(out, 'manifest.json'), 'utf8')) as {
      stacks: Record<string, unknown>;
    });
    if (Object.keys(stacks).length < 2)
      throw new Error(`manifest.json names ${Object.keys(stacks).join(', ') || 'no stack'}`);
  });
  return stacks;
}

async function diff(
  checks: Checks,
  cdktf: (args: readonly string[], env: Readonly<Record<string, string>>) => Promise<string>,
  stack: string,
  out: string,
): Promise<void> {
  const terraform = await findTerraform();
  if (!terraform.versions['aws']) throw new Skip('no binary of provider aws at hand');
  const { env } = await startMoto(checks);
  // The stack asks for aws 6: the same override as in the suite `terraform` lets an older binary plan it.
  new WorkingCopy(terraform, path.join(out, 'stacks', stack)).prepare(path.join(out, 'stacks', stack, 'cdk.tf.json'));
  const plugins = { TF_CLI_ARGS_init: `-plugin-dir=${terraform.pluginDir}`, TERRAFORM_BINARY_NAME: terraform.program };
  const output = await cdktf(['diff', stack, '--output', out, '--skip-synth', '--skip-provider-lock'], {
    ...env,
    ...plugins,
  });
  if (!/Plan: \d+ to add, 0 to change, 0 to destroy/.test(output)) throw new Error(tail(output, 40));
}

function findCli(): string {
  return installedTool('cli-cdktf-0.21.0/node_modules/cdktf-cli/bundle/bin/cdktf.js', 'install-cdktf-cli.sh');
}
