import { afterEach, describe, expect, test } from 'vitest';
import { freePort } from '../../../../runtime/cli/dev/free-port';
import { LocalPod } from '../../../../runtime/cli/dev/local-pod';
import { ProbeVerdict } from '../../../../runtime/cli/dev/probe';
import type { Probe } from '../../../../runtime/cli/dev/probe';
import type { Workload } from '../../../../runtime/cli/dev/workload';
import { eventually, isAlive, scratch } from '../support';
import { toyServer } from './support';

const probe = (path: string, failures = 3): Probe => ({
  path,
  port: 'http',
  initialDelay: 0,
  period: 0.05,
  timeout: 1,
  failures,
  successes: 1,
});

const WORKLOAD: Workload = {
  namespace: 'n',
  name: 'toy',
  image: 'inference',
  command: [],
  env: new Map(),
  ports: new Map([['http', 8080]]),
  mounts: new Map(),
  startup: probe('/startup', 100),
  liveness: probe('/live', 2),
  readiness: probe('/ready', 1),
  preStopSeconds: 0,
  graceSeconds: 5,
  replicas: 1,
  labels: {},
};

const running: LocalPod[] = [];

afterEach(async () => {
  for (const pod of running.splice(0)) {
    pod.hurry();
    await pod.stop();
  }
});

async function start(env: Readonly<Record<string, string>> = {}, change: Partial<Workload> = {}) {
  const port = await freePort('127.0.0.1');
  const events: string[] = [];
  const lines: string[] = [];
  const pod = new LocalPod({
    workload: { ...WORKLOAD, ...change },
    process: {
      command: process.execPath,
      args: [toyServer()],
      env: { LNMT_HTTP_PORT: String(port), LNMT_BIND_ADDRESS: '127.0.0.1', ...env },
      cwd: scratch(),
      onLine: (line) => lines.push(line),
    },
    host: '127.0.0.1',
    ports: new Map([[8080, port]]),
    onEvent: (message) => events.push(message),
  });
  running.push(pod);
  const get = async (path: string): Promise<string> => (await fetch(`http://127.0.0.1:${port}${path}`)).text();
  return { pod, events, lines, get };
}

describe('a pod as a local process', () => {
  test('is ready once its probes say so, and ends when it is told to', async () => {
    const { pod, events, lines } = await start();
    await pod.ready;
    const { pid = 0 } = pod;
    await pod.stop();
    expect(events).toEqual(['ready']);
    expect(lines).toEqual(['listening', 'told to end']);
    expect(isAlive(pid)).toBe(false);
  });

  test('is started again when it crashes', async () => {
    const { pod, events, get } = await start();
    await pod.ready;
    const { pid } = pod;
    await get('/crash').catch(() => undefined);
    await eventually(() => events.filter((event) => event === 'ready').length === 2, 'it is ready again');
    expect(pod.pid).not.toBe(pid);
    // On a busy machine its probes may have failed before, too.
    expect(events).toContainEqual(expect.stringMatching(/^ended with code 1; starting again in \d+ s$/));
  });

  test('is replaced when its liveness probe fails as often as the manifest says', async () => {
    const { pod, events, get, lines } = await start();
    await pod.ready;
    await get('/sick');
    await eventually(() => pod.starts === 2, 'it is started again');
    expect(events).toContain('liveness probe /live failed 2 times');
    expect(lines).toContain('told to end');
  });

  test('says that it is not ready, and is left running, when only readiness fails', async () => {
    const { pod, events, get } = await start({}, { liveness: { ...probe('/live'), failures: 1_000 } });
    await pod.ready;
    const { pid } = pod;
    await get('/sick');
    await eventually(() => events.includes('not ready'), 'it is not ready');
    expect(pod.pid).toBe(pid);
  });

  test('is replaced when it does not start in the time that the manifest gives', async () => {
    const { pod, events } = await start({ LATE: '1' }, { startup: probe('/startup', 20) });
    await expect(pod.ready).rejects.toThrow(
      'LNMT6022: n/toy did not become ready: startup probe /startup failed 20 times',
    );
    expect(events[0]).toBe('startup probe /startup failed 20 times');
  });

  test('is not started again when it says that its configuration is wrong', async () => {
    const { pod, events } = await start({ WRONG: '1' });
    await expect(pod.ready).rejects.toThrow('LNMT6022');
    await pod.life;
    expect(pod.starts).toBe(1);
    expect(events).toEqual(['ended with code 2: its configuration is wrong, so that it is not started again']);
  });

  test('is killed, with everything that it started, when the grace period is over', async () => {
    const { pod, get, lines } = await start({ STUBBORN: '1' }, { preStopSeconds: 0.2, graceSeconds: 0.6 });
    await pod.ready;
    const { pid = 0 } = pod;
    const child = Number(await get('/spawn'));
    const began = performance.now();
    const stopped = pod.stop();
    await eventually(() => lines.includes('told to end'), 'it is told to end');
    expect(performance.now() - began).toBeGreaterThan(190);
    await stopped;
    expect(performance.now() - began).toBeGreaterThan(590);
    await eventually(() => !isAlive(pid) && !isAlive(child), 'nothing of it is left');
  });

  test('ends at once when somebody is in a hurry', async () => {
    const { pod } = await start({}, { preStopSeconds: 60, graceSeconds: 120 });
    await pod.ready;
    const began = performance.now();
    const stopped = pod.stop();
    pod.hurry();
    await stopped;
    expect(performance.now() - began).toBeLessThan(5_000);
  });

  test('is not started again while it ends', async () => {
    const { pod, get } = await start();
    await pod.ready;
    await get('/crash').catch(() => undefined);
    await pod.stop();
    expect(pod.starts).toBe(1);
  });
});

describe('a probe’s verdict', () => {
  test('changes after so many equal answers in a row, and not before', () => {
    const verdict = new ProbeVerdict({ failures: 3, successes: 2 });
    expect([true, true].map((answer) => verdict.add(answer))).toEqual([undefined, true]);
    expect([false, false, true, false, false].map((answer) => verdict.add(answer))).toEqual([
      true,
      true,
      true,
      true,
      true,
    ]);
    expect(verdict.add(false)).toBe(false);
  });
});
