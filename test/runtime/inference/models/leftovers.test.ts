import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import promises from 'node:fs/promises';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DiskBudget } from '../../../../runtime/inference/models/disk-budget';
import { FORGOTTEN_MS, giveBack, NAMELESS_MS, sweep, takeOver } from '../../../../runtime/inference/models/leftovers';
import { bootOf, isOwned, Ownership, SILENT_MS, timeOf } from '../../../../runtime/inference/models/owner';
import { portOf } from '../../support/listening';
import { identityModel, pushModel } from '../../support/models';
import { ServerProcess } from '../../support/process';
import { temporaryFolder } from '../../support/temporary';

const STAGING = '.staging-a';
const NAMELESS = '.0b8f6a52-93c1-4f0e-8a55-0c2a5d8f8d11';

let dir: string;

beforeEach(() => {
  dir = temporaryFolder();
});

afterEach(() => fs.rmSync(dir, { recursive: true, force: true }));

const at = (...names: string[]): string => path.join(dir, ...names);
const names = (): string[] => fs.readdirSync(dir).sort();
const age = (name: string, ms: number): void => {
  const then = new Date(Date.now() - ms);
  fs.utimesSync(at(name), then, then);
};

/** A folder that is being filled, with a file that came whole and one that has not. */
function stage(name = STAGING): void {
  fs.mkdirSync(at(name, 'weights'), { recursive: true });
  fs.writeFileSync(at(name, 'weights', 'a.bin'), 'whole');
  fs.writeFileSync(at(name, '.partial-x'), 'some');
}

/** What a process says of itself that has ended, on this system. */
async function endedProcess(): Promise<object> {
  const { pid } = spawnSync(process.execPath, ['--version']);
  return { boot: await bootOf(), space: fs.readlinkSync('/proc/self/ns/pid'), pid, started: '1' };
}

const isLinux = os.platform() === 'linux';

describe('a pass over the folder of a cache', () => {
  it('leaves what a living process is at, and takes it once that is over; what can be completed is kept', async () => {
    const owner = await Ownership.over(at(`${STAGING}.owner`));
    stage();
    expect(await sweep(dir)).toEqual({ removed: 0, kept: 0 });
    expect(names()).toEqual([STAGING, `${STAGING}.owner`]);
    await owner.release();
    expect(await sweep(dir)).toEqual({ removed: 1, kept: 1 });
    expect(names()).toEqual(['.partial-x']);
    expect(fs.readFileSync(at('.partial-x'), 'utf8')).toBe('some');
  });

  it.skipIf(!isLinux)('knows at once that a process of this machine was killed', async () => {
    stage();
    fs.writeFileSync(at(`${STAGING}.owner`), JSON.stringify(await endedProcess()));
    expect(await sweep(dir)).toEqual({ removed: 1, kept: 1 });
    expect(names()).toEqual(['.partial-x']);
  });

  it.each(['{"boot": "other", "pid": 1}', '', 'no JSON'])(
    'believes a process that it cannot look up as long as it gives signs of life: %j',
    async (text) => {
      stage();
      fs.writeFileSync(at(`${STAGING}.owner`), text);
      expect((await sweep(dir)).removed).toBe(0);
      age(`${STAGING}.owner`, SILENT_MS + 1_000);
      expect((await sweep(dir)).removed).toBe(1);
      expect(names()).toEqual(['.partial-x']);
    },
  );

  it('removes trash, old notes without an owner, forgotten partial files and owners of nothing', async () => {
    fs.mkdirSync(at('.trash-a', 'b'), { recursive: true });
    fs.mkdirSync(at(NAMELESS));
    fs.writeFileSync(at('.partial-old'), 'x');
    fs.writeFileSync(at('.partial-new'), 'x');
    fs.writeFileSync(at('.staging-gone.owner'), '');
    age('.staging-gone.owner', SILENT_MS + 1_000);
    age('.partial-old', FORGOTTEN_MS + 1_000);
    expect(await sweep(dir)).toEqual({ removed: 2, kept: 1 });
    expect(names()).toEqual([NAMELESS, '.partial-new']);
    age(NAMELESS, NAMELESS_MS + 1_000);
    expect(await sweep(dir)).toEqual({ removed: 1, kept: 1 });
  });

  it('leaves models and notes alone, and says nothing of a folder that is not there', async () => {
    const [digest, known] = ['a'.repeat(64), `.known-${'b'.repeat(64)}.json`];
    fs.mkdirSync(at(digest));
    fs.writeFileSync(at(known), '{}');
    fs.mkdirSync(at('.trash-a'));
    await sweep(dir);
    expect(names()).toEqual([known, digest]);
    expect(await sweep(at('nowhere'))).toEqual({ removed: 0, kept: 0 });
  });

  it('asks once who a server is, however many folders it uses', async () => {
    const server = `.used-${NAMELESS.slice(1)}`;
    const owner = await Ownership.over(at(`${server}.owner`));
    const marks = Array.from({ length: 50 }, (_, n) => `${server}-${String(n).padStart(64, '0')}`);
    for (const mark of marks) fs.writeFileSync(at(mark), '');
    const reads = vi.spyOn(promises, 'readFile');
    await sweep(dir);
    const asked = reads.mock.calls.filter(([file]) => file === at(`${server}.owner`));
    reads.mockRestore();
    expect(asked).toHaveLength(1);
    expect(names()).toEqual([...marks, `${server}.owner`].sort());
    await owner.release();
    await sweep(dir);
    expect(names()).toEqual([]);
  });

  it('does no harm when two servers begin it at once', async () => {
    for (const name of ['.staging-a', '.staging-b', '.staging-c']) stage(name);
    await Promise.all([sweep(dir), sweep(dir), sweep(dir)]);
    expect(names()).toEqual(['.partial-x']);
  });
});

describe('a partial file', () => {
  it('is taken by one only, and given back by whoever came further', async () => {
    stage('.staging-a');
    stage('.staging-b');
    fs.writeFileSync(at('.staging-b', '.partial-x'), 'some more');
    await giveBack(dir, at('.staging-b'));
    await giveBack(dir, at('.staging-a'));
    expect(fs.readFileSync(at('.partial-x'), 'utf8')).toBe('some more');
    fs.rmSync(at('.staging-a', '.partial-x'));
    const taken = await Promise.all(['.staging-a', '.staging-b'].map((name) => takeOver(dir, at(name), '.partial-x')));
    expect(taken.sort()).toEqual([0, 9]);
  });
});

describe('an owner', () => {
  it('lives while its process does, by the time of the file system', async () => {
    const now = await timeOf(dir);
    expect(Math.abs(now - Date.now())).toBeLessThan(60_000);
    const owner = await Ownership.over(at('.owner'));
    expect(await isOwned(at('.owner'), now)).toBe(true);
    if (isLinux) expect(await isOwned(at('.owner'), now + 10 * SILENT_MS)).toBe(true);
    await owner.release();
    expect(await isOwned(at('.owner'), now)).toBe(false);
    expect(names()).toEqual([]);
  });

  it('counts in the budget with what it has brought so far', async () => {
    stage();
    await expect(new DiskBudget(dir, 12).makeRoom(4)).rejects.toMatchObject({ code: 'LNMT8308' });
    await new DiskBudget(dir, 13).makeRoom(4);
    expect(names()).toEqual([STAGING]);
  });
});

describe('a budget', () => {
  const folder = (name: string): void => {
    fs.mkdirSync(at(name));
    fs.writeFileSync(at(name, 'model.onnx'), '12345678');
  };

  it('removes nothing that another server uses, and all of it once that one is done', async () => {
    const [used, spare] = ['a'.repeat(64), 'b'.repeat(64)];
    for (const name of [used, spare]) folder(name);
    const [here, there] = [new DiskBudget(dir, 16), new DiskBudget(dir, 16)];
    await there.hold(used);
    await there.hold(used);
    await there.release(used);
    await here.makeRoom(8);
    expect(names().filter((name) => !name.startsWith('.'))).toEqual([used]);
    await expect(here.makeRoom(16)).rejects.toMatchObject({ code: 'LNMT8308' });
    await sweep(dir);
    await there.release(used);
    expect(names()).toEqual([used]);
    await here.makeRoom(16);
    expect(names()).toEqual([]);
  });

  it.skipIf(!isLinux)('takes what a server that was killed has used', async () => {
    const [mark, used] = ['.used-0b8f6a52-93c1-4f0e-8a55-0c2a5d8f8d11', 'a'.repeat(64)];
    const leave = async (): Promise<void> => {
      fs.writeFileSync(at(`${mark}.owner`), JSON.stringify(await endedProcess()));
      fs.writeFileSync(at(`${mark}-${used}`), '');
    };
    folder(used);
    await leave();
    await new DiskBudget(dir, 8).makeRoom(8);
    expect(names()).toEqual([`${mark}-${used}`, `${mark}.owner`]);
    expect(await sweep(dir)).toEqual({ removed: 0, kept: 0 });
    expect(names()).toEqual([]);
  });

  it('serves where nobody can leave a mark', async () => {
    fs.writeFileSync(at('file'), '');
    await new DiskBudget(at('file'), 0).hold('a'.repeat(64));
  });

  it('removes nothing that somebody came to use while it removed something else', async () => {
    const [old, young] = ['a'.repeat(64), 'b'.repeat(64)];
    for (const name of [old, young]) folder(name);
    age(old, 60_000);
    class Overtaken extends DiskBudget {
      override async remove(name: string): Promise<void> {
        await super.remove(name);
        await this.hold(young);
      }
    }
    await expect(new Overtaken(dir, 16).makeRoom(16)).rejects.toMatchObject({ code: 'LNMT8308' });
    expect(names().filter((name) => !name.startsWith('.'))).toEqual([young]);
  });
});

describe('a server that fetches a model', () => {
  const WEIGHTS = Buffer.alloc(4 << 20, 5);
  const ranges: (string | undefined)[] = [];
  let stalls = true;
  let store: http.Server;
  const servers: ServerProcess[] = [];

  beforeEach(async () => {
    stalls = true;
    ranges.length = 0;
    pushModel(at('store'), 'm', '1', { 'model.onnx': identityModel('FP32'), 'w.bin': WEIGHTS });
    store = http.createServer((request, response) => {
      const file = at('store', request.url ?? '');
      if (!fs.existsSync(file)) return void response.writeHead(404).end();
      const start = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
      const content = fs.readFileSync(file).subarray(start);
      if (file.endsWith('w.bin')) ranges.push(request.headers.range);
      response.writeHead(start > 0 ? 206 : 200, { 'content-length': content.byteLength });
      if (stalls && file.endsWith('w.bin')) response.write(content.subarray(0, 1 << 20));
      else response.end(content);
    });
    await new Promise<void>((resolve) => store.listen(0, '127.0.0.1', resolve));
  });

  afterEach(async () => {
    for (const server of servers.splice(0)) await server.dispose();
    store.closeAllConnections();
    store.close();
  });

  const start = (): ServerProcess => {
    const modelUri = `http://127.0.0.1:${portOf(store)}/`;
    const server = ServerProcess.start({ modelName: 'm', modelVersion: '1', modelUri, modelCacheDir: at('cache') });
    servers.push(server);
    return server;
  };
  const left = (): string[] => fs.readdirSync(at('cache')).filter((name) => /^\.(staging|partial|trash)-/.test(name));
  const staged = (): number => {
    const folder = fs.existsSync(at('cache')) ? left().find((name) => !name.endsWith('.owner')) : undefined;
    if (folder === undefined || !fs.statSync(at('cache', folder)).isDirectory()) return 0;
    const files = fs.readdirSync(at('cache', folder));
    return Math.max(0, ...files.map((name) => fs.statSync(at('cache', folder, name)).size));
  };

  it('is left alone by another one that shares the folder, while it lives', async () => {
    start();
    await expect.poll(staged).toBeGreaterThan(1 << 19);
    const first = left().sort();
    const folders = (): string[] => left().filter((name) => !name.endsWith('.owner'));
    start();
    await expect.poll(() => ranges.length).toBe(2);
    expect(folders()).toHaveLength(2);
    expect(left()).toEqual(expect.arrayContaining(first));
    expect(ranges).toEqual([undefined, undefined]);
  });

  it('leaves nothing that the next one does not use or remove, however often it is killed', async () => {
    for (let turn = 0; turn < 2; turn += 1) {
      const server = start();
      await expect.poll(staged).toBeGreaterThan(turn * (1 << 20) + (1 << 19));
      server.signal('SIGKILL');
      await server.ended();
      expect(left().filter((name) => !name.endsWith('.owner'))).toHaveLength(1);
    }
    stalls = false;
    const last = start();
    await last.ready();
    expect(await last.line('removed from the model cache what ended servers left half done')).toMatchObject({
      ...{ removed: 1, kept: 2 },
    });
    expect(left()).toEqual([]);
    expect(ranges).toEqual([
      undefined,
      expect.stringMatching(/^bytes=\d{5,}-$/),
      expect.stringMatching(/^bytes=\d{5,}-$/),
    ]);
  }, 90_000);
});
