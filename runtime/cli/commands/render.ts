import fs from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { DELIVERY_INDEX, EXPORT_FOLDER } from '../../../constructs/delivery/delivery';
import type { DeliveryIndex } from '../../../constructs/delivery/delivery';
import { badInvocation, inTheWay, noOutput } from '../errors';
import type { Io } from '../io';
import { say, sayJson } from '../io';
import { readDeliveryIndex, readJson } from '../synth/output';
import { outputFolder } from '../synth/project';
import { readTree, replaceFolder } from '../write-tree';

interface RenderOptions {
  readonly outputs: string;
  readonly dir?: string;
  readonly stack?: string;
  readonly out?: string;
  readonly json?: boolean;
}

const RENDERED_FOLDER = 'rendered';

const EXAMPLES = `
Fills the charts of an app with Delivery.export(): generated charts get the named entries of their values.yaml, charts of
others a values.yaml without placeholders. The exported charts stay as they are, so that it can be repeated.

Examples:
  terraform -chdir=cdktf.out/stacks/ml-workloads output -json > outputs.json
  lnmt render --outputs outputs.json
  helm upgrade --install digits cdktf.out/${RENDERED_FOLDER}/ml-workloads/ml-workloads-30-apps`;

/** Adds `lnmt render`. */
export function registerRender(program: Command, io: Io): void {
  program
    .command('render')
    .description('Fill the late-bound values of exported charts from `terraform output -json`.')
    .requiredOption('--outputs <file>', 'what `terraform output -json` wrote')
    .option('--dir <dir>', 'output folder of the synthesis')
    .option('--stack <name>', 'stack to render, where several were exported')
    .option('--out <dir>', `folder that the charts are written to (default: <dir>/${RENDERED_FOLDER})`)
    .option('--json', 'print JSON')
    .addHelpText('after', EXAMPLES)
    .action((options: RenderOptions) => render(io, options));
}

async function render(io: Io, options: RenderOptions): Promise<void> {
  const output = path.resolve(io.cwd, options.dir ?? outputFolder(io.cwd, undefined));
  const stack = chooseStack(output, options.stack);
  const source = path.join(output, EXPORT_FOLDER, stack);
  const target = path.resolve(io.cwd, options.out ?? path.join(output, RENDERED_FOLDER), stack);
  refuseForeign(source, target);
  const { checkValues, lateBoundValues } = await import('../render/late-bound-values.js');
  const index = readDeliveryIndex(path.join(source, DELIVERY_INDEX));
  const values = lateBoundValues(options.outputs, readJson(path.resolve(io.cwd, options.outputs)));
  checkValues(stack, index, values);
  replaceFolder(target, await fillAll(source, index, values));
  const shown = path.relative(io.cwd, target) || '.';
  const releases = index.releases.map(({ name }) => name);
  if (options.json) sayJson(io, { stack, folder: shown, values: Object.keys(values).sort(), releases });
  else say(io, `${releases.length} releases with ${Object.keys(values).length} values in ${shown}`);
}

function chooseStack(output: string, wanted: string | undefined): string {
  const root = path.join(output, EXPORT_FOLDER);
  const stacks = fs.existsSync(root) ? fs.readdirSync(root).sort() : [];
  const [only] = stacks;
  if (only === undefined) throw noOutput(root);
  if (wanted !== undefined && stacks.includes(wanted)) return wanted;
  if (wanted === undefined && stacks.length === 1) return only;
  const what = wanted === undefined ? 'several stacks were exported' : '--stack names no exported stack';
  throw badInvocation(what, wanted ?? stacks.join(', '), `name one of ${stacks.join(', ')} with --stack`);
}

// Only what an earlier run wrote is replaced.
function refuseForeign(source: string, target: string): void {
  const isOwn = fs.existsSync(path.join(target, DELIVERY_INDEX));
  if (target === source || (fs.existsSync(target) && !isOwn)) {
    throw inTheWay([target], 'choose another folder with --out, or remove what is there');
  }
}

async function fillAll(
  source: string,
  index: DeliveryIndex,
  values: Readonly<Record<string, string>>,
): Promise<ReadonlyMap<string, string>> {
  const { fillRelease } = await import('../render/fill.js');
  const filled = new Map<string, string>();
  for (const { name } of index.releases) {
    const files = readTree(path.join(source, name));
    for (const [file, content] of fillRelease(name, files, values)) filled.set(`${name}/${file}`, content);
  }
  return filled.set(DELIVERY_INDEX, fs.readFileSync(path.join(source, DELIVERY_INDEX), 'utf8'));
}
