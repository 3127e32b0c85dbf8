import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { inferPath, METRICS, MODEL_STORE } from '../../../../runtime/contract';
import { Collector } from '../../support/collector';
import { identityModel, pushModel } from '../../support/models';
import { KEY, ServerProcess } from '../../support/process';
import { temporaryFolder } from '../../support/temporary';

const KILLS = 4;

let dir: string;
let server: ServerProcess | undefined;
let collector: Collector | undefined;

beforeEach(() => {
  dir = temporaryFolder();
  pushModel(path.join(dir, 'store'), 'm', '1', { [MODEL_STORE.model]: identityModel('FP32') });
});

afterEach(async () => {
  await server?.dispose();
  await collector?.close();
  [server, collector] = [undefined, undefined];
  fs.rmSync(dir, { recursive: true, force: true });
});

const telemetryDir = (): string => path.join(dir, 'telemetry');
const start = (port: number): ServerProcess =>
  (server = ServerProcess.start({
    ...{ modelName: 'm', modelVersion: '1', modelUri: pathToFileURL(path.join(dir, 'store')).href },
    ...{ modelCacheDir: path.join(dir, 'cache'), telemetryUrl: `http://127.0.0.1:${port}/ingest` },
    ...{ telemetryDir: telemetryDir(), telemetryInterval: '0.1' },
  }));
const infer = async (url: string): Promise<number> => {
  const response = await fetch(url + inferPath('m'), {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 2] }] }),
  });
  return response.status;
};
const onDisk = (): number =>
  fs.existsSync(telemetryDir())
    ? fs.readdirSync(telemetryDir()).reduce((sum, name) => sum + fs.statSync(path.join(telemetryDir(), name)).size, 0)
    : 0;

describe('a server process with a collector that comes and goes', () => {
  it('loses and doubles nothing, killed while it is offline, and killed after a delivery without an answer', async () => {
    collector = await Collector.start();
    const { port } = collector;
    await collector.close();
    for (let kill = 0; kill < KILLS; kill += 1) {
      const before = onDisk();
      const offline = start(port);
      await offline.ready();
      expect(await infer(await offline.url())).toBe(200);
      await expect.poll(onDisk).toBeGreaterThan(before + 3_000);
      await offline.dispose();
    }

    const silent = await Collector.start(port);
    collector = silent;
    silent.status = undefined;
    const cut = start(port);
    await expect.poll(() => silent.deliveries.length).toBeGreaterThan(0);
    await cut.dispose();
    silent.status = 200;

    const last = start(port);
    await last.ready();
    await expect
      .poll(() => new Set(silent.records.map(({ boot }) => boot)).size, { timeout: 30_000 })
      .toBeGreaterThan(KILLS);
    expect(await infer(await last.url())).toBe(200);
    last.signal('SIGTERM');
    expect(await last.ended()).toBe(0);

    const byKey = new Map<string, string>();
    for (const { key, records } of silent.deliveries) {
      expect(byKey.get(key) ?? JSON.stringify(records)).toBe(JSON.stringify(records));
      byKey.set(key, JSON.stringify(records));
    }
    expect(byKey.size).toBeLessThan(silent.deliveries.length);
    const boots = [...new Set(silent.records.map(({ boot }) => boot))];
    for (const boot of boots) {
      const numbers = silent.records.filter((each) => each['boot'] === boot).map(({ n }) => n);
      expect(numbers).toEqual(numbers.map((_, index) => index + 1));
    }
    const final = JSON.stringify(silent.records.at(-1));
    expect(final).toContain(
      `{"name":"${METRICS.inferenceRequests.name}","labels":{"model":"m","version":"1","code":"200"},"value":1}`,
    );
    expect(fs.readdirSync(telemetryDir())).toEqual([]);
  }, 180_000);

  it('refuses a token that is none and a folder that is none, with exit code 2', async () => {
    fs.writeFileSync(telemetryDir(), 'a file');
    const refused = start(9);
    expect(await refused.ended()).toBe(2);
    expect(refused.output).toContain('LNMT8115');
  });
});
