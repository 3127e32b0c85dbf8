import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { inferPath, METRICS, MODEL_STORE } from '../../../../runtime/contract';
import { ModelCache } from '../../../../runtime/inference/models/cache';
import { FileStore } from '../../../../runtime/inference/models/file-store';
import { Repository } from '../../../../runtime/inference/models/repository';
import { ModelError } from '../../../../runtime/inference/errors';
import type { SignatureVerifier } from '../../../../runtime/inference/signing/verifier';
import { identityModel, pushModel } from '../../support/models';
import { KEY, ServerProcess } from '../../support/process';
import { StoreServer } from '../../support/store-server';
import { temporaryFolder } from '../../support/temporary';

const GRAPH = identityModel('FP32');
const tensor = (name: string, data: readonly number[]) => ({ name, datatype: 'FP32', shape: [1, 2], data });
const golden = (data: readonly number[]): Uint8Array =>
  Buffer.from(JSON.stringify({ cases: [{ inputs: [tensor('x', [1, 2])], outputs: [tensor('y', data)] }] }));

/** A store in a folder that is there or not. */
class Unplugged extends FileStore {
  down = false;

  override open(...args: Parameters<FileStore['open']>): ReturnType<FileStore['open']> {
    return this.down ? Promise.reject(new ModelError('LNMT8304', 'no route', true)) : super.open(...args);
  }

  override list(folder: string): ReturnType<FileStore['list']> {
    return this.down ? Promise.reject(new ModelError('LNMT8304', 'no route', true)) : super.list(folder);
  }
}

let dir: string;
let root: string;

beforeEach(() => {
  dir = temporaryFolder();
  root = path.join(dir, 'store');
  fs.mkdirSync(root);
});

afterEach(() => fs.rmSync(dir, { recursive: true, force: true }));

describe('a server whose repository comes and goes', () => {
  let store: StoreServer;
  let server: ServerProcess | undefined;

  beforeEach(async () => (store = await StoreServer.over(root)));
  afterEach(async () => {
    await server?.dispose();
    server = undefined;
    store.close();
  });

  const start = (): ServerProcess =>
    (server = ServerProcess.start({
      ...{ modelName: 'm', modelVersion: '1', modelUri: store.url, modelCacheDir: path.join(dir, 'cache') },
    }));
  const answers = async (): Promise<number> => {
    const response = await fetch(((await server?.url()) ?? '') + inferPath('m'), {
      method: 'POST',
      headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify({ inputs: [tensor('x', [1, 2])] }),
    });
    return response.status;
  };
  const isOffline = async (): Promise<boolean> => {
    const text = await (await fetch(`${(await server?.metricsUrl()) ?? ''}/metrics`)).text();
    return text.includes(`${METRICS.modelOffline.name}{model="m",version="1"} 1`);
  };
  const restart = async (): Promise<ServerProcess> => {
    await server?.dispose();
    return start();
  };

  it('starts without it on the last good version, never on one that failed, and follows it when it is back', async () => {
    pushModel(root, 'm', '1', { [MODEL_STORE.model]: GRAPH, [MODEL_STORE.golden]: golden([1, 2]) });
    const first = start();
    await first.ready();
    const { digest } = await first.line('model ready');
    pushModel(root, 'm', '1', { [MODEL_STORE.model]: GRAPH, [MODEL_STORE.golden]: golden([1, 3]) });

    const second = await restart();
    await second.ready();
    await second.line('the newest cannot be served, the last good one is');
    expect(second.output).toContain('LNMT8307');
    expect([(await second.line('model ready'))['digest'], await answers()]).toEqual([digest, 200]);

    store.down = true;
    const third = await restart();
    await third.ready();
    expect([(await third.line('model ready'))['digest'], await answers()]).toEqual([digest, 200]);
    expect(await isOffline()).toBe(true);

    const better = { [MODEL_STORE.model]: GRAPH, [MODEL_STORE.golden]: golden([1, 2]), 'note.txt': Buffer.from('new') };
    pushModel(root, 'm', '1', better);
    store.down = false;
    const news = await third.line('model ready', 2);
    expect([news['digest'] === digest, news['offline'], await answers()]).toEqual([false, false, 200]);
    await expect.poll(isOffline).toBe(false);
  }, 120_000);

  it('starts on the last good version where it is refused, or finds a page to sign in at', async () => {
    pushModel(root, 'm', '1', { [MODEL_STORE.model]: GRAPH });
    await start().ready();
    for (const instead of [
      { status: 403, text: '' },
      { status: 200, text: '<html>sign in</html>' },
    ]) {
      store.instead = instead;
      const offline = await restart();
      await offline.ready();
      expect([await answers(), await isOffline()]).toEqual([200, true]);
    }
    store.instead = undefined;
    await expect.poll(isOffline, { timeout: 60_000 }).toBe(false);
  }, 120_000);

  it('says why it cannot start where nothing was ever found good', async () => {
    store.instead = { status: 403, text: '' };
    expect((await start().line('model not loaded, trying again'))['err']).toMatchObject({
      message: expect.stringContaining(
        'LNMT8304: the model store cannot be reached: m/1/manifest.json: status 403',
      ) as string,
    });
    store.instead = { status: 200, text: '<html>sign in</html>' };
    expect(await server?.ended()).toBe(1);
    expect(server?.output).toContain('LNMT8302');
  }, 120_000);

  it('waits for it where nothing was ever found good', async () => {
    pushModel(root, 'm', '1', { [MODEL_STORE.model]: GRAPH, [MODEL_STORE.golden]: golden([1, 3]) });
    expect(await start().ended()).toBe(1);
    store.down = true;
    const again = await restart();
    await again.line('model not loaded, trying again');
    expect(await answers()).toBe(503);
    pushModel(root, 'm', '1', { [MODEL_STORE.model]: GRAPH, [MODEL_STORE.golden]: golden([1, 2]) });
    store.down = false;
    await again.ready();
    expect(await answers()).toBe(200);
  }, 120_000);
});

describe('a repository out of reach', () => {
  const model = { name: 'm', version: '2' };
  let store: Unplugged;

  beforeEach(() => (store = new Unplugged(root)));

  const open = (): Repository => new Repository(store, new ModelCache(store, path.join(dir, 'cache'), { bare: true }));
  const push = (version: string, graph: Uint8Array): void =>
    pushModel(root, 'm', version, { [MODEL_STORE.model]: graph });

  it('holds the versions that served, not those that were seen', async () => {
    push('1', GRAPH);
    fs.writeFileSync(path.join(root, 'm/config.json'), '{"maxBatchSize": 4}');
    const online = open();
    expect([await online.settings('m'), await online.versions('m')]).toEqual([{ maxBatchSize: 4 }, ['1']]);
    const one = await online.obtain({ name: 'm', version: '1' });
    await online.accepted('m', [{ version: '1', files: one, proven: true }]);
    push('2', identityModel('INT64'));
    fs.writeFileSync(path.join(root, 'm/config.json'), '{"maxBatchSize": -4}');
    expect(await online.versions('m')).toEqual(['1', '2']);
    await online.rejected(model, await online.obtain(model));
    store.down = true;
    const offline = open();
    expect([await offline.settings('m'), await offline.versions('m')]).toEqual([{ maxBatchSize: 4 }, ['1']]);
    expect(await offline.obtain({ name: 'm', version: '1' })).toMatchObject({ digest: one.digest, offline: true });
    await expect(offline.obtain(model)).rejects.toMatchObject({ code: 'LNMT8304', retryable: true });
  });

  it('gives the content that served, though the version has other content since', async () => {
    push('2', GRAPH);
    const online = open();
    const good = await online.obtain(model);
    await online.accepted('m', [{ version: '2', files: good, proven: true }]);
    push('2', identityModel('INT64'));
    await online.obtain(model);
    expect((await online.obtain(model, 'last-good')).digest).toBe(good.digest);
    store.down = true;
    expect((await open().obtain(model)).digest).toBe(good.digest);
  });

  it('does not take for good what no one ran', async () => {
    push('1', GRAPH);
    push('2', GRAPH);
    const online = open();
    const [one, two] = [await online.obtain({ name: 'm', version: '1' }), await online.obtain(model)];
    await online.accepted('m', [{ version: '1', files: one, proven: true }]);
    await online.accepted('m', [
      { version: '1', files: one, proven: false },
      { version: '2', files: two, proven: false },
    ]);
    await expect(online.versions('m', 'last-good')).resolves.toEqual(['1']);
  });

  const refusing: Pick<SignatureVerifier, 'check'> = {
    check: () => {
      throw new ModelError('LNMT8312', 'by nobody who is trusted');
    },
  };

  it('gives content that was rejected once and has served since', async () => {
    push('2', GRAPH);
    const strict = new Repository(store, new ModelCache(store, path.join(dir, 'cache')), refusing as SignatureVerifier);
    await expect(strict.obtain(model)).rejects.toMatchObject({ code: 'LNMT8312' });
    const online = open();
    const files = await online.obtain(model);
    await online.accepted('m', [{ version: '2', files, proven: true }]);
    store.down = true;
    expect((await open().obtain(model)).digest).toBe(files.digest);
  });

  it('gives content whose inspection was not finished before', async () => {
    push('2', GRAPH);
    const cache = path.join(dir, 'cache');
    const { digest } = await open().obtain(model);
    const graph = path.join(cache, digest, MODEL_STORE.model);
    // Between its verification and its inspection it cannot be read.
    const vanish = { check: () => fs.renameSync(graph, `${graph}.away`) } as unknown as SignatureVerifier;
    await expect(new Repository(store, new ModelCache(store, cache), vanish).obtain(model)).rejects.toThrow('LNMT8327');
    fs.renameSync(`${graph}.away`, graph);
    store.down = true;
    expect((await open().obtain(model)).digest).toBe(digest);
  });

  it('refuses what the inspector refused before', async () => {
    push('2', Buffer.from('no model'));
    await expect(open().obtain(model)).rejects.toThrow('LNMT8321');
    store.down = true;
    await expect(open().obtain(model)).rejects.toMatchObject({ code: 'LNMT8304' });
  });
});
