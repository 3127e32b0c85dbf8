import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ElementType } from '../../../../examples/quickstart/onnx';
import { EXIT_CODES, inferPath } from '../../../../runtime/contract';
import { find } from '../../../../runtime/shared/programs';
import { pushModel } from '../../support/models';
import { digestOf, textPlugin } from '../../support/plugins';
import { passing } from '../../support/processed-server';
import { isAlive, KEY, ServerProcess } from '../../support/process';
import { temporaryFolder } from '../../support/temporary';

const LOOPS = `exports.steps = { run: ({ text }, _, tools) => { if (tools.texts(text)[0] === 'loop') for (;;); return [text]; } };`;
const STEP = { plugin: 'loops', step: 'run', inputs: { text: 'x' }, outputs: { text: 'x' } };

describe('a server process with a plugin', () => {
  let dir: string;
  let server: ServerProcess | undefined;

  beforeEach(() => {
    dir = temporaryFolder();
    textPlugin(path.join(dir, 'plugins/loops'), 'loops', LOOPS);
    pushModel(path.join(dir, 'store'), 'echo', '1', { 'model.onnx': passing(ElementType.STRING, ['n']) });
    const models = [{ name: 'echo', load: 'pinned', processing: { before: [STEP] } }];
    fs.writeFileSync(path.join(dir, 'models.json'), JSON.stringify({ models }));
  });

  afterEach(async () => {
    await server?.dispose();
    fs.rmSync(dir, { recursive: true, force: true });
  });

  function start(pluginsAllow: string): ServerProcess {
    server = ServerProcess.start({
      ...{ modelsFile: path.join(dir, 'models.json'), pluginsDir: path.join(dir, 'plugins'), pluginsAllow },
      ...{ modelRepository: pathToFileURL(path.join(dir, 'store')).href, processingTimeout: '60' },
    });
    return server;
  }

  const digest = (): Promise<string> => digestOf(path.join(dir, 'plugins/loops'));

  async function infer(text: string): Promise<Response> {
    const inputs = [{ name: 'x', datatype: 'BYTES', shape: [1], data: [text] }];
    const headers = { 'x-api-key': KEY, 'content-type': 'application/json' };
    const url = `${await server?.url()}${inferPath('echo')}`;
    return fetch(url, { method: 'POST', headers, body: JSON.stringify({ inputs }) });
  }

  /** Process ids of the plugin: what runs with its folder among its arguments. */
  function pluginPids(): number[] {
    return fs.readdirSync('/proc').flatMap((name) => {
      if (!/^\d+$/.test(name)) return [];
      try {
        const words = fs.readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0');
        const parent = /^PPid:\s+(\d+)$/m.exec(fs.readFileSync(`/proc/${name}/status`, 'utf8'))?.[1];
        const isOurs = words.some((word) => word.includes('lnmt-plugin-')) && Number(parent) === server?.pid;
        return isOurs ? [Number(name)] : [];
      } catch {
        return [];
      }
    });
  }

  it('refuses to start with one that is not allowed, with the digest in its log', async () => {
    const refused = start('0'.repeat(64));
    expect(await refused.ended()).toBe(EXIT_CODES.usage);
    expect(refused.output).toContain('LNMT8361');
    expect(refused.output).toContain(await digest());
  });

  it('answers through it, and takes it along when it ends', async () => {
    await start(await digest()).ready();
    expect(await (await infer('hello')).json()).toMatchObject({ outputs: [{ data: ['hello'] }] });
    const [pid = 0] = pluginPids();
    expect(isAlive(pid)).toBe(true);
    server?.signal('SIGTERM');
    expect(await server?.ended()).toBe(0);
    await expect.poll(() => isAlive(pid)).toBe(false);
  });

  it('leaves no orphan when it is killed while a step loops for ever', async (context) => {
    if (find('setpriv', process.env['PATH'] ?? '') === undefined) context.skip('this system has no setpriv');
    await start(await digest()).ready();
    infer('loop').catch(() => undefined);
    const [pid = 0] = pluginPids();
    const cpu = (): number => Number(fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[13]);
    const before = cpu();
    await expect.poll(() => cpu() - before).toBeGreaterThan(20);
    server?.signal('SIGKILL');
    await expect.poll(() => isAlive(pid)).toBe(false);
  });
});
