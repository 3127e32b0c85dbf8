import { execFile, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { newKey } from '../../../../runtime/cli/api-key';
import { accessOf } from '../../../../runtime/cli/serve/access';
import { serverEnvironment } from '../../../../runtime/cli/serve/environment';
import { findModels } from '../../../../runtime/cli/serve/find-models';
import { TemporaryStore } from '../../../../runtime/cli/serve/temporary-store';
import { watchBudget } from '../../../../runtime/cli/serve/watch-budget';
import { find } from '../../../../runtime/shared/programs';
import { compilePrograms } from '../../../support/compile-programs';
import { identityModel, pickyModel, pushModel } from '../../support/models';
import { model, node, TYPE, tensorType, value } from '../../support/onnx-bytes';
import { decoderFiles, encoderFiles, writeFiles } from '../../support/text-store';
import { cli, command, eventually, isAlive, scratch } from '../support';
import { endAll, Serving, statusOf } from './support';

const LONG = 120_000;

/** Runs a program in a terminal, closes that once it has said it is ready, and prints its exit code. */
const IN_TERMINAL = `
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
said = b''
while b'Ctrl-C ends it' not in said:
    said += os.read(terminal, 4096)
os.close(terminal)
os.kill(pid, 1)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`;

afterEach(endAll);

/** A graph that gives its input back, under whatever names and with whatever sizes. */
function identity(name: string, shape: readonly (number | string)[]): Buffer {
  return model({
    nodes: [node('Identity', [name], ['y'])],
    inputs: [value(name, tensorType(TYPE.float, shape))],
    outputs: [value('y', tensorType(TYPE.float, shape))],
  });
}

function files(contents: Readonly<Record<string, Uint8Array>>): string {
  return writeFiles(scratch(), contents);
}

describe('lnmt serve', () => {
  test(
    'prints for every model a line that a shell runs and the server answers with 200, and leaves nothing behind',
    async () => {
      const folder = files({
        'Float Model.onnx': identityModel('FP32'),
        'words.onnx': identityModel('BYTES'),
        'flags.onnx': identityModel('BOOL'),
        'picky.onnx': pickyModel(),
        'image.onnx': identity('x', ['n', 3, 64, 64]),
        'quote.onnx': identity('it\'s $HOME `x` "y"', ['n', 2]),
        'scalar.onnx': identity('x', []),
      });
      const encoder = writeFiles(path.join(scratch(), 'encoder'), encoderFiles());
      const decoder = writeFiles(path.join(scratch(), 'decoder'), decoderFiles());
      const graphs = fs.readdirSync(folder).map((name) => path.join(folder, name));
      const serving = new Serving([...graphs, encoder, decoder, '--json', '--port', '0', '--grpc-port', '0']);
      const { url, openapi, models, auth, ready, grpc } = await serving.announced();
      expect(models.map(({ name }) => name).sort()).toEqual(
        ['decoder', 'encoder', 'flags', 'float-model', 'image', 'picky', 'quote', 'scalar', 'words'].sort(),
      );
      expect({ auth, ready }).toEqual({ auth: 'none', ready: true });
      expect(grpc).toMatch(/^127\.0\.0\.1:\d+$/);
      for (const { name, curl = '' } of models) {
        expect(curl, name).toContain(url);
        expect(await statusOf(curl), curl).toBe('200');
      }
      const lineOf = (name: string): string => models.find((each) => each.name === name)?.curl ?? '';
      expect(lineOf('encoder')).toContain('/v1/embeddings');
      expect(lineOf('decoder')).toContain('/v1/chat/completions');
      expect(lineOf('words')).toContain('"Hello"');
      expect(lineOf('image').length).toBeLessThan(500);
      expect((await fetch(openapi)).status).toBe(200);

      const [pid = 0] = serving.serverPids();
      expect(isAlive(pid)).toBe(true);
      serving.interrupt();
      expect(await serving.code).toBe(0);
      expect(serving.serverPids()).toEqual([]);
      expect(serving.leftovers()).toEqual([]);
    },
    LONG,
  );

  test.each([
    ['Digits.onnx', 'digits'],
    ['digits/model.onnx', 'digits'],
    ['digits/3/model.onnx', 'digits'],
  ])('names the model of %s %s', (file, name) => {
    const folder = scratch();
    const graph = path.join(folder, file);
    fs.mkdirSync(path.dirname(graph), { recursive: true });
    fs.writeFileSync(graph, identityModel('FP32'));
    expect(findModels(folder, [file]).map((found) => found.name)).toEqual([name]);
  });

  test(
    'says what it serves, and that anyone on this machine may call',
    async () => {
      const folder = files({ 'model.onnx': identityModel('FP32') });
      const serving = new Serving([folder, '--name', 'mine', '--version', '7', '--workers', '1']);
      await serving.until(() => serving.err.includes('ready in'), 'it is ready');
      expect(serving.out).toContain('mine, version 7: x FP32[?, 2] -> y FP32[?, 2]');
      expect(serving.out).toMatch(/described at http:\/\/127\.0\.0\.1:\d+\/openapi\.json/);
      expect(serving.out).toContain('anyone on this machine may call, without a key');
      const curl = serving.out.split('\n').find((line) => line.startsWith('curl')) ?? '';
      expect(await statusOf(curl)).toBe('200');
      serving.interrupt();
      expect(await serving.code).toBe(0);
    },
    LONG,
  );

  test(
    'serves a repository to holders of a key only, and no longer to one whose key was taken back',
    async () => {
      const store = scratch();
      pushModel(store, 'ours', '3', { 'model.onnx': identityModel('FP32') });
      fs.mkdirSync(path.join(store, 'theirs/1'), { recursive: true });
      fs.writeFileSync(path.join(store, 'theirs/1/model.onnx'), identityModel('INT32'));
      const { key, entry } = newKey('me', ['infer', 'read']);
      const keys = path.join(scratch(), 'keys.json');
      fs.writeFileSync(keys, JSON.stringify({ keys: [entry] }));
      const serving = new Serving([store, '--json', '--port', '0', '--host', '0.0.0.0', '--api-keys', keys]);
      const { models, auth, url } = await serving.announced();
      expect(url).toMatch(/^http:\/\/127\.0\.0\.1:/);
      expect(auth).toBe('api-keys');
      expect(models.map(({ name, versions }) => [name, versions])).toEqual([
        ['ours', ['3']],
        ['theirs', ['1']],
      ]);
      const curl = models[0]?.curl ?? '';
      expect(curl).not.toContain(key);
      expect(await statusOf(curl, { LNMT_API_KEY: key })).toBe('200');
      expect(await statusOf(curl, { LNMT_API_KEY: 'wrong' })).toBe('401');
      const { entry: another } = newKey('another', ['infer', 'read']);
      fs.writeFileSync(keys, JSON.stringify({ keys: [another] }));
      await serving.until(() => serving.err.includes('API keys read again'), 'keys are read again');
      let status = '';
      for (let round = 0; round < 200 && status !== '401'; round++) {
        status = await statusOf(curl, { LNMT_API_KEY: key });
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      expect(status).toBe('401');
      serving.interrupt();
      expect(await serving.code).toBe(0);
      expect(serving.leftovers()).toEqual([]);
    },
    LONG,
  );

  test(
    'serves the next version when the file changes, and the one before when the change is no model',
    async () => {
      const folder = files({ 'toy.onnx': identity('x', ['n', 2]) });
      const file = path.join(folder, 'toy.onnx');
      const serving = new Serving([file, '--watch', '--json', '--port', '0']);
      const { url, models } = await serving.announced();
      expect(serving.environment()).toMatchObject({ LNMT_MODEL_CACHE_BYTES: String(2 ** 30) });
      const versions = async (): Promise<unknown> =>
        ((await (await fetch(`${url}/v2/models/toy`)).json()) as { readonly versions: unknown }).versions;
      expect(await versions()).toEqual(['1']);
      fs.writeFileSync(file, 'no model at all');
      await serving.until(() => serving.err.includes('LNMT6012'), 'the fault is named');
      expect(serving.err).toContain('version 1 serves on');
      expect(await statusOf(models[0]?.curl ?? '')).toBe('200');
      fs.writeFileSync(file, model({ nodes: [node('Neg', ['x'], ['y'])] }));
      await serving.until(() => serving.err.includes('version 2 serves now'), 'the next version serves');
      expect(await versions()).toEqual(['2']);
      expect(await statusOf(models[0]?.curl ?? '')).toBe('200');
      serving.interrupt();
      expect(await serving.code).toBe(0);
      expect(serving.leftovers()).toEqual([]);
    },
    LONG,
  );

  test(
    'gives up copies of what served before for what serves next, within its bound',
    async () => {
      const graphs = ['Neg', 'Abs', 'Ceil', 'Sqrt'].map((type) => model({ nodes: [node(type, ['x'], ['y'])] }));
      const [first = Buffer.alloc(0), ...others] = graphs;
      const file = path.join(files({ 'toy.onnx': first }), 'toy.onnx');
      const bytes = String(Math.floor(2.5 * Math.max(...graphs.map(({ length }) => length))));
      const serving = new Serving([file, '--watch', '--json', '--port', '0'], { LNMT_MODEL_CACHE_BYTES: bytes });
      const { models } = await serving.announced();
      for (const [index, graph] of others.entries()) {
        fs.writeFileSync(file, graph);
        await serving.until(() => serving.err.includes(`version ${index + 2} serves now`), 'the next version serves');
        await eventually(() => serving.verified().length <= 2, 'copies are given up');
      }
      expect(await statusOf(models[0]?.curl ?? '')).toBe('200');
      serving.interrupt();
      expect(await serving.code).toBe(0);
    },
    LONG,
  );

  test(
    'ends with a code when the server ends by itself, and removes its files',
    async () => {
      const folder = files({ 'model.onnx': identityModel('FP32') });
      const serving = new Serving([folder, '--name', 'm', '--json', '--port', '0']);
      await serving.announced();
      for (const pid of serving.serverPids()) process.kill(pid, 'SIGKILL');
      expect(await serving.code).toBe(1);
      expect(serving.err).toContain('LNMT6055');
      expect(serving.leftovers()).toEqual([]);
    },
    LONG,
  );

  test(
    'takes its server along when it is killed',
    async (context) => {
      if (find('setpriv', process.env['PATH'] ?? '') === undefined) context.skip('this system has no setpriv');
      const folder = files({ 'model.onnx': identityModel('FP32') });
      const serving = new Serving([folder, '--name', 'm', '--json', '--port', '0']);
      await serving.announced();
      expect(serving.serverPids()).toHaveLength(1);
      serving.kill();
      await eventually(() => serving.serverPids().length === 0, 'its server ends');
    },
    LONG,
  );

  test(
    'removes its files where nobody reads any more what it says',
    async () => {
      const folder = files({ 'model.onnx': identityModel('FP32') });
      const serving = new Serving([folder, '--name', 'm', '--json', '--port', '0']);
      await serving.announced();
      serving.lookAway();
      serving.interrupt();
      expect(await serving.code).toBe(0);
      expect(serving.leftovers()).toEqual([]);
    },
    LONG,
  );

  test.skipIf(spawnSync('python3', ['-c', 'import pty']).status !== 0)(
    'drains, ends with 129 and leaves nothing behind where its terminal is closed',
    async () => {
      const folder = files({ 'model.onnx': identityModel('FP32') });
      const temporary = scratch();
      const program = [process.execPath, path.join(compilePrograms(), 'runtime/cli/main.js')];
      const argv = [...program, 'serve', folder, '--name', 'm', '--port', '0'];
      const { stdout } = await promisify(execFile)('python3', ['-c', IN_TERMINAL, ...argv], {
        env: { ...process.env, TMPDIR: temporary },
      });
      expect(stdout).toBe('129\n');
      expect(fs.readdirSync(temporary).filter((name) => name.startsWith('lnmt-'))).toEqual([]);
    },
    LONG,
  );

  test(
    'refuses a model that the server refuses, with its words, and without a stack',
    async () => {
      const folder = files({ 'bad.onnx': model({ nodes: [node('NoSuchOperation', ['x'], ['y'])] }) });
      const serving = new Serving([path.join(folder, 'bad.onnx'), '--port', '0']);
      expect(await serving.code).toBe(1);
      expect(serving.err).toMatch(/error LNMT6054: the server cannot serve bad\n {2}got: +LNMT83\d\d/);
      expect(serving.err).not.toMatch(/^\s+at /m);
      expect(serving.out).toBe('');
      expect(serving.leftovers()).toEqual([]);
    },
    LONG,
  );
});

describe('lnmt serve, asked for something else', () => {
  const serve = (argv: readonly string[], env: Readonly<Record<string, string>> = {}) =>
    cli(['serve', ...argv], { env: { PATH: '', ...env } });

  test('refuses what is no model', async () => {
    const empty = scratch();
    const text = path.join(files({ 'a.onnx': Buffer.from('hello') }), 'a.onnx');
    expect(await serve(['nowhere.onnx'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('LNMT6051') as string,
    });
    expect((await serve([empty])).err).toContain('LNMT6051: there is no model to serve: the folder holds no model');
    expect(await serve([text])).toMatchObject({ code: 2, err: expect.stringContaining('LNMT6012') as string });
  });

  test('refuses two models of one name, and a name that URLs cannot hold', async () => {
    const one = path.join(files({ 'a.onnx': identityModel('FP32') }), 'a.onnx');
    const other = path.join(files({ 'a.onnx': identityModel('FP32') }), 'a.onnx');
    expect((await serve([one, other])).err).toContain('LNMT6057: two models have the name a');
    expect((await serve([one, '--name', 'A/B'])).err).toContain('LNMT6025');
    expect((await serve([one, '--version', '0'])).err).toContain('LNMT6025');
    const repository = files({ 'a/1/model.onnx': identityModel('FP32'), 'B/1/model.onnx': identityModel('FP32') });
    expect((await serve([repository])).err).toMatch(/LNMT6025: [^]*\bB\b/);
  });

  test('refuses an address that others reach without keys', async () => {
    const one = files({ 'model.onnx': identityModel('FP32') });
    const { code, err } = await serve([one, '--host', '0.0.0.0']);
    expect(code).toBe(2);
    expect(err).toContain('error LNMT6052: others reach that address, and the server would answer anyone');
  });

  test('refuses a key file that is none', async () => {
    const one = files({ 'model.onnx': identityModel('FP32'), 'keys.json': Buffer.from('{}') });
    const { err } = await serve([one, '--api-keys', path.join(one, 'keys.json')]);
    expect(err).toContain('LNMT6006');
    expect((await serve([one, '--api-keys', path.join(one, 'absent.json')])).err).toContain('it cannot be read');
  });

  test('refuses a port that is taken, and names it', async () => {
    const one = files({ 'model.onnx': identityModel('FP32') });
    const server = net.createServer();
    const port = await new Promise<number>((resolve) => {
      server.listen(0, '127.0.0.1', () => {
        const address = server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
    const { code, err } = await serve([one, '--port', String(port)]);
    server.close();
    expect(code).toBe(2);
    expect(err).toContain('LNMT6053');
    expect(err).toContain(String(port));
  });

  test(
    'can be ended from before it copies anything, and leaves nothing behind',
    async () => {
      const folder = files({ 'model.onnx': identityModel('FP32') });
      const temporary = scratch();
      const copies = (): readonly string[] => fs.readdirSync(temporary).filter((name) => name.startsWith('lnmt-'));
      let found: readonly string[] | undefined;
      const onInterrupt = (listener: () => void) => {
        found = copies();
        listener();
        return () => undefined;
      };
      vi.stubEnv('TMPDIR', temporary);
      const { code, err } = await cli(['serve', folder, '--port', '0'], { onInterrupt });
      vi.unstubAllEnvs();
      expect([code, err]).toEqual([0, 'ending; press Ctrl-C again to end at once\n']);
      expect([found, copies()]).toEqual([[], []]);
    },
    LONG,
  );

  test('takes an IPv6 address with the brackets that it has in URLs', async () => {
    const one = files({ 'model.onnx': identityModel('FP32') });
    expect((await serve([one, '--host', '[::]'])).err).toContain('--host ::\n');
    const { err } = await serve([one, '--host', '[::1]', '--port', '0'], { LNMT_TLS_CERT_FILE: '/x' });
    expect(err).toContain('lnmt serve speaks plain HTTP');
  });

  test('refuses an address that is none of this machine', async () => {
    const one = files({ 'model.onnx': identityModel('FP32') });
    const keys = path.join(scratch(), 'keys.json');
    fs.writeFileSync(keys, JSON.stringify({ keys: [newKey('me', ['infer']).entry] }));
    const { code, err } = await serve([one, '--host', '203.0.113.9', '--api-keys', keys]);
    expect([code, err]).toEqual([2, expect.stringMatching(/LNMT6058: .*EADDRNOTAVAIL[^]*203\.0\.113\.9/)]);
  });

  test('refuses options that make no sense, and settings that it would not honour', async () => {
    const one = files({ 'model.onnx': identityModel('FP32') });
    expect((await serve([one, '--port', '99999'])).err).toContain('LNMT6001');
    expect((await serve([one, '--workers', '0'])).err).toContain('LNMT6001');
    expect((await serve([one], { LNMT_TLS_CERT_FILE: '/x' })).err).toContain('LNMT6001: lnmt serve speaks plain HTTP');
  });

  test('ends a copy that is under way, and keeps nothing of it', async () => {
    const large = path.join(scratch(), 'large.onnx');
    fs.writeFileSync(large, '');
    fs.truncateSync(large, 2 ** 30);
    const store = TemporaryStore.create();
    const versions = (): readonly string[] => fs.readdirSync(path.join(path.dirname(store.cacheDir), 'store/m'));
    const interruption = new AbortController();
    const files = [{ path: 'model.onnx', source: large }];
    const published = store.publish({ name: 'm', files }, 1, interruption.signal);
    expect(versions()).toEqual(['.1']);
    interruption.abort();
    await published;
    expect(versions()).toEqual([]);
    store.remove();
  });

  test('refuses to go on without room for a copy', async () => {
    const one = files({ 'model.onnx': identityModel('FP32') });
    const blocked = scratch();
    vi.stubEnv('TMPDIR', path.join(blocked, 'absent'));
    expect(() => TemporaryStore.create()).toThrow('LNMT6056');
    vi.stubEnv('TMPDIR', blocked);
    const store = TemporaryStore.create();
    vi.unstubAllEnvs();
    const absent = { name: 'm', files: [{ path: 'model.onnx', source: path.join(one, 'gone.onnx') }] };
    await expect(store.publish(absent, 1, new AbortController().signal)).rejects.toThrow('LNMT6056');
    store.remove();
    expect(fs.readdirSync(blocked)).toEqual([]);
  });

  test('keeps copies within three times the models while it watches, and never below what a small one may become', () => {
    const large = path.join(scratch(), 'large.onnx');
    fs.writeFileSync(large, '');
    fs.truncateSync(large, 2 ** 30);
    const graphs = [{ name: 'large', files: [{ path: 'model.onnx', source: large }] }];
    expect(watchBudget([], graphs)).toBe(3 * 2 ** 30);
    const repository = scratch();
    fs.mkdirSync(path.join(repository, 'stored/2'), { recursive: true });
    fs.writeFileSync(path.join(repository, 'stored/2/model.onnx'), 'x'.repeat(1000));
    const stored = [{ kind: 'stored', name: 'stored', repository }] as const;
    expect(watchBudget(stored, graphs)).toBe(3 * (2 ** 30 + 1000));
    expect(watchBudget(stored, [])).toBe(2 ** 30);
    expect(watchBudget([], [{ name: 'gone', files: [{ path: 'm', source: path.join(repository, 'gone') }] }])).toBe(
      2 ** 30,
    );
  });

  test('tells the server how many copies it may keep only where it watches, and leaves it to the caller', () => {
    const access = accessOf('127.0.0.1', undefined);
    const store = TemporaryStore.create();
    const ports = { http: 1, grpc: undefined, metrics: 2 };
    const parts = { host: '127.0.0.1', ports, access, store } as const;
    const cacheOf = (caller: Readonly<Record<string, string>>, cacheBytes?: number): unknown =>
      serverEnvironment({ ...parts, caller, ...(cacheBytes === undefined ? {} : { cacheBytes }) })[
        'LNMT_MODEL_CACHE_BYTES'
      ];
    store.remove();
    expect(cacheOf({}, 5)).toBe('5');
    expect(cacheOf({ LNMT_MODEL_CACHE_BYTES: '7' }, 5)).toBe('7');
    expect(cacheOf({})).toBeUndefined();
  });

  test('shows examples in its help', async () => {
    const { out, code } = await command(['serve', '--help']);
    expect(code).toBe(0);
    expect(out).toContain('lnmt serve model.onnx');
  });
});
