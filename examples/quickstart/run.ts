import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { App } from 'cdktf';
import { EXIT_CODES } from '../../runtime/contract';
import { describePod } from '../../runtime/cli/dev/describe';
import { readManifests } from '../../runtime/cli/dev/manifests';
import { Session } from '../../runtime/cli/dev/session';
import { readWorkloads } from '../../runtime/cli/dev/workload';
import { readOutput } from '../../runtime/cli/synth/output';
import { planTable } from '../../runtime/cli/synth/plan-table';
import type { PlanRow } from '../../runtime/cli/synth/plan-table';
import { summarize } from '../../runtime/cli/synth/platforms';
import { buildTarget, TARGETS } from './app';
import { askDigits, reportPredictions } from './client';
import { loadDigits } from './digits';

/** Below this something is broken: the model knows 97 of 100 digits that it never saw. */
const LEAST_ACCURACY = 0.9;
const OUTPUT = 'cdktf.out';

const print = (line = ''): void => void process.stdout.write(`${line}\n`);

/** Synthesizes one target into a folder of its own and says what it comes to. */
function synthesizeTarget(target: string): PlanRow[] {
  const folder = path.join(OUTPUT, target);
  fs.mkdirSync(folder, { recursive: true });
  const started = performance.now();
  const app = new App({ outdir: folder });
  buildTarget(app, target);
  app.synth();
  const seconds = (performance.now() - started) / 1000;
  return summarize(readOutput(folder)).map((summary) => ({ ...summary, folder, seconds }));
}

/** Prepares the synthesized Deployment of a target as a local process that serves the model of this folder. */
function prepareServer(target: string, lines: string[]): Promise<Session> {
  const folder = path.join(OUTPUT, target);
  const objects = readOutput(folder).flatMap(({ delivery }) => (delivery ? readManifests(folder, delivery) : []));
  return Session.prepare({
    objects,
    workloads: readWorkloads(objects).ours,
    projectFolder: process.cwd(),
    models: pathToFileURL(path.join(__dirname, 'models')).href,
    keepPorts: false,
    caller: process.env,
    node: process.execPath,
    onLine: (_pod, line) => void lines.push(line),
    onEvent: (pod, message) => print(`${pod}: ${message}`),
  });
}

async function predict(session: Session): Promise<number> {
  const [pod] = session.pods;
  if (pod === undefined) throw new Error('the manifests hold no inference server');
  await session.ready();
  const { heldOut } = loadDigits();
  const answers = await askDigits(pod.url, session.apiKey ?? '', heldOut);
  return reportPredictions(print, heldOut, answers);
}

async function main(): Promise<number> {
  print('1. The same platform for every target');
  print(planTable(Object.keys(TARGETS).flatMap(synthesizeTarget)));
  const [target = ''] = Object.keys(TARGETS);
  print(`\n2. The inference server, as the Deployment for ${target} describes it`);
  const lines: string[] = [];
  const session = await prepareServer(target, lines);
  const interrupt = (): void => {
    session.hurry();
    void session.close().then(() => process.exit(EXIT_CODES.interrupted));
  };
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  try {
    session.pods.forEach((pod) => describePod(print, pod));
    session.start();
    print('\n3. Digits that the model never saw, over HTTP');
    const accuracy = await predict(session);
    return accuracy >= LEAST_ACCURACY ? EXIT_CODES.ok : EXIT_CODES.failure;
  } catch (error) {
    lines.forEach((line) => process.stderr.write(`${line}\n`));
    throw error;
  } finally {
    session.hurry();
    await session.close();
  }
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = EXIT_CODES.failure;
  },
);
