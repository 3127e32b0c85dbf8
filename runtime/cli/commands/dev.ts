import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Command } from 'commander';
import { CLI_ENV, LABELS, modelPath } from '../../contract';
import { describePod } from '../dev/describe';
import type { Session, SessionPod } from '../dev/session';
import type { Workloads } from '../dev/workload';
import { badInvocation, nothingToRun } from '../errors';
import type { Io } from '../io';
import { note, say } from '../io';
import { readOutput } from '../synth/output';
import type { StackOutput } from '../synth/output';
import { readProject } from '../synth/project';
import { runApp } from '../synth/run-app';

interface DevOptions {
  readonly app?: string;
  readonly dir?: string;
  readonly target?: string;
  readonly stack?: string;
  readonly models?: string;
  readonly freePorts?: boolean;
  readonly once?: boolean;
}

const DEFAULT_MODELS = 'models';

const EXAMPLES = `
Runs each Deployment of an image of LNMT as a local process: command, arguments, environment, probes, restarts and grace
periods are those of the manifest. Bind address, ports, Service names, late-bound values, mount roots and the number of
replicas are replaced, and each replacement is printed. Limits, scheduling and the pod's security context are not applied.
Ctrl-C ends everything as the manifest says; a second Ctrl-C ends it at once.

Examples:
  lnmt dev                              synthesize the program of cdktf.json and run it, models from ./models
  lnmt dev --dir cdktf.out --models ../store
  lnmt dev --once                       start, wait until everything is ready, end: for a CI job`;

/** Adds `lnmt dev`. */
export function registerDev(program: Command, io: Io): void {
  program
    .command('dev')
    .description('Run the synthesized Deployments as local processes, until Ctrl-C.')
    .option('--app <command>', 'command line of the program, instead of cdktf.json’s')
    .option('--dir <dir>', 'run existing output instead of synthesizing')
    .option('--target <name>', 'set LNMT_TARGET for the program')
    .option('--stack <name>', 'run only what this stack delivers')
    .option('--models <dir>', `model store: a folder or file:// URI (default: ./${DEFAULT_MODELS} where it exists)`)
    .option('--free-ports', 'let the system choose ports even where those of the manifest are free')
    .option('--once', 'end as soon as everything is ready')
    .addHelpText('after', EXAMPLES)
    .action((options: DevOptions) => dev(io, options));
}

async function dev(io: Io, options: DevOptions): Promise<void> {
  const output = await outputOf(io, options);
  const stacks = deliveringStacks(output, options.stack);
  const { readManifests } = await import('../dev/manifests.js');
  const { readWorkloads } = await import('../dev/workload.js');
  const objects = stacks.flatMap(({ delivery }) => (delivery ? readManifests(output, delivery) : []));
  const workloads = readWorkloads(objects);
  if (workloads.ours.length === 0) throw nothingToRun(output, workloads.others);
  const { Session: SessionClass } = await import('../dev/session.js');
  const { READY } = await import('../dev/local-pod.js');
  const models = modelsUri(io, options.models);
  const session: Session = await SessionClass.prepare({
    objects,
    workloads: workloads.ours,
    projectFolder: io.cwd,
    caller: io.env,
    node: io.node,
    keepPorts: !options.freePorts,
    ...(models === undefined ? {} : { models }),
    onLine: (pod, line) => note(io, `[${pod}] ${line}`),
    onEvent: (name, message) => {
      note(io, `${name}: ${message}`);
      if (message === READY)
        session.pods.filter((pod) => pod.name === name).forEach((pod) => announce(io, pod, session.apiKey));
    },
  });
  introduce(io, session, workloads);
  await runSession(io, session, options.once ?? false);
}

async function outputOf(io: Io, options: DevOptions): Promise<string> {
  if (options.dir !== undefined) return path.resolve(io.cwd, options.dir);
  return (await runApp(io, readProject(io.cwd, options), options.target)).output;
}

function deliveringStacks(output: string, wanted: string | undefined): readonly StackOutput[] {
  const delivering = readOutput(output).filter(({ delivery }) => delivery !== undefined);
  const names = delivering.map(({ name }) => name);
  if (wanted !== undefined) {
    const found = delivering.filter(({ name }) => name === wanted);
    if (found.length > 0) return found;
    throw badInvocation('--stack names no stack that delivers', wanted, `name one of ${names.join(', ') || 'none'}`);
  }
  const platforms = new Set(delivering.map(({ delivery }) => `${delivery?.cloud}/${delivery?.platform}`));
  if (platforms.size <= 1) return delivering;
  throw badInvocation(
    'the output holds several platforms',
    [...platforms].join(', '),
    `choose one with --stack: ${names.join(', ')}`,
  );
}

function modelsUri(io: Io, option: string | undefined): string | undefined {
  if (option?.startsWith('file://')) return option;
  const folder = path.resolve(io.cwd, option ?? DEFAULT_MODELS);
  if (fs.statSync(folder, { throwIfNoEntry: false })?.isDirectory() ?? false) return pathToFileURL(folder).href;
  if (option === undefined) return undefined;
  throw badInvocation('--models is no folder', option, 'name a folder with models as NAME/VERSION/model.onnx');
}

function introduce(io: Io, session: Session, workloads: Workloads): void {
  for (const pod of session.pods) describePod((line) => say(io, line), pod);
  if (workloads.others.length > 0)
    say(io, `not run, because the images are not LNMT's: ${workloads.others.join(', ')}`);
  if (session.apiKey !== undefined) say(io, `API key of this run, shown once: ${session.apiKey}`);
}

async function runSession(io: Io, session: Session, once: boolean): Promise<void> {
  let interrupts = 0;
  let interrupted = (): void => undefined;
  const interruption = new Promise<void>((resolve) => {
    interrupted = resolve;
  });
  const stopListening = io.onInterrupt(() => {
    interrupts += 1;
    if (interrupts === 1) note(io, 'ending as the manifest says; press Ctrl-C again to end at once');
    else session.hurry();
    interrupted();
  });
  try {
    session.start();
    // Without --once a pod that fails is started again, as in a cluster, until it never can be.
    await Promise.race([once ? session.ready() : session.ended().then(() => session.ready()), interruption]);
    if (once) session.hurry();
  } finally {
    await session.close();
    stopListening();
  }
}

function announce(io: Io, { name, url, workload }: SessionPod, apiKey: string | undefined): void {
  const key = apiKey === undefined ? '' : ` -H "Authorization: Bearer $${CLI_ENV.apiKey.name}"`;
  const model = workload.labels[LABELS.model];
  say(io, `${name} answers: curl${key} ${model === undefined ? url : url + modelPath(model)}`);
}
