import type { ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { findProgram } from '../../../../runtime/cli/dev/local-programs';
import { ApiKeySet } from '../../../../runtime/shared/api-keys';
import { cli, command, eventually, isAlive, scratch, startCommand } from '../support';
import { impatientOutput, quickstartOutput, toyProject } from './support';

interface RunningDev {
  readonly child: ChildProcess;
  readonly temporary: string;
  readonly printed: () => string;
  readonly ended: Promise<number | null>;
}

/** Starts the real command on the quickstart’s manifests, with the toy server as the program of the image. */
function startDev(...options: string[]): RunningDev {
  const cwd = toyProject();
  fs.mkdirSync(path.join(cwd, 'models'));
  const temporary = scratch();
  const argv = ['dev', '--dir', impatientOutput('aws'), '--free-ports', ...options];
  const child = startCommand(argv, { cwd, env: { TMPDIR: temporary } });
  let printed = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (chunk: string) => (printed += chunk));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { child, temporary, printed: () => printed, ended };
}

const filesOf = ({ temporary }: RunningDev): string[] =>
  fs.readdirSync(temporary).filter((name) => name.startsWith('lnmt-'));

interface ToyAnswer {
  readonly env: Record<string, string>;
  readonly argv: string[];
  readonly pid: number;
}

async function askToy(dev: RunningDev): Promise<ToyAnswer> {
  const url = /aws-inference\/digits at (\S+)/.exec(dev.printed())?.[1] ?? '';
  return (await (await fetch(`${url}/env`)).json()) as ToyAnswer;
}

const readies = (dev: RunningDev): number => dev.printed().split('aws-inference/digits: ready').length - 1;

describe('lnmt dev', () => {
  test('runs the Deployment, starts it again after a crash, and leaves nothing behind after Ctrl-C', async () => {
    const dev = startDev();
    await eventually(() => readies(dev) === 1, 'the pod is ready');
    const first = await askToy(dev);
    const key = /API key of this run, shown once: (\S+)/.exec(dev.printed())?.[1] ?? '';
    const keys = fs.readFileSync(path.join(first.env['LNMT_API_KEYS_DIR'] ?? '', 'keys.json'), 'utf8');
    expect(ApiKeySet.parse(keys).find(key, Date.now())?.id).toBe('local');
    expect(dev.printed().split(key)).toHaveLength(2);
    expect(first.env).toMatchObject({
      LNMT_MODEL_NAME: 'digits',
      LNMT_MODEL_VERSION: '3',
      LNMT_DRAIN_DELAY_SECONDS: '5',
    });
    expect(first.env).not.toHaveProperty('npm_config_registry');

    process.kill(first.pid, 'SIGKILL');
    await eventually(() => readies(dev) === 2, 'the pod is ready again');
    const second = await askToy(dev);
    expect(second.pid).not.toBe(first.pid);
    expect(dev.printed()).toContain('aws-inference/digits: ended with signal SIGKILL; starting again in 1 s');

    expect(filesOf(dev)).toHaveLength(1);
    dev.child.kill('SIGINT');
    await eventually(() => dev.printed().includes('press Ctrl-C again'), 'it says how to end at once');
    expect(isAlive(second.pid), 'the sleep before SIGTERM is the manifest’s').toBe(true);
    dev.child.kill('SIGINT');
    expect(await dev.ended).toBe(0);
    expect(isAlive(second.pid)).toBe(false);
    expect(filesOf(dev)).toEqual([]);
  });

  test('ends by itself with --once, as soon as everything is ready', async () => {
    const dev = startDev('--once');
    expect(await dev.ended).toBe(0);
    expect(readies(dev)).toBe(1);
    expect(filesOf(dev)).toEqual([]);
  });

  test('refuses without the server’s package, and says how to get it', () => {
    expect(() => findProgram('training', scratch(), 'node')).toThrow(
      'LNMT6015: running image training locally needs the package @lnmt/training; got it is not installed; run `npm install @lnmt/training`',
    );
  });

  test('refuses output without a Deployment of ours', async () => {
    const output = scratch();
    fs.writeFileSync(path.join(output, 'manifest.json'), '{"stacks": {}}');
    expect(await cli(['dev', '--dir', output])).toMatchObject({
      code: 2,
      err: expect.stringContaining('error LNMT6019') as string,
    });
  });

  test('refuses output of several platforms, and takes the one that is named', async () => {
    const outdir = impatientOutput('aws');
    const other = quickstartOutput('onprem');
    fs.cpSync(path.join(other, 'stacks'), path.join(outdir, 'stacks'), { recursive: true });
    const read = (folder: string) =>
      JSON.parse(fs.readFileSync(path.join(folder, 'manifest.json'), 'utf8')) as { stacks: object };
    const both = { ...read(outdir), stacks: { ...read(outdir).stacks, ...read(other).stacks } };
    fs.writeFileSync(path.join(outdir, 'manifest.json'), JSON.stringify(both));
    expect((await cli(['dev', '--dir', outdir])).err).toMatch(
      /error LNMT6001: the output holds several platforms[^]*aws\/aws, onprem\/onprem/,
    );
    expect((await cli(['dev', '--dir', outdir, '--stack', 'nope'])).err).toContain('aws-workloads, onprem-workloads');
  });

  test('refuses a model store that is no folder', async () => {
    for (const models of ['nowhere', 'package.json']) {
      const { err } = await cli(['dev', '--dir', quickstartOutput('aws'), '--models', models]);
      expect(err).toContain('error LNMT6001: --models is no folder');
    }
  });

  test('refuses to start when only deployment knows where the models are, and leaves no file', async () => {
    const temporary = scratch();
    const { code, err } = await command(['dev', '--dir', quickstartOutput('aws')], {
      cwd: scratch(),
      env: { TMPDIR: temporary },
    });
    expect(code).toBe(2);
    expect(err).toContain('error LNMT6020: LNMT_MODEL_URI is known only after deployment');
    expect(fs.readdirSync(temporary).filter((name) => name.startsWith('lnmt-'))).toEqual([]);
  });
});
