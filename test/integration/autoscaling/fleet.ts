import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { INFERENCE_ENV, PATHS } from '../../../runtime/contract';
import { DIGITS_MODEL, DIGITS_TENSORS, PIXELS } from '../../../examples/quickstart/digits';
import { inferPath } from '../../../runtime/contract';
import type { ApiClient, ApiObject } from '../control-plane/api-client';
import { freePort, start } from '../processes';
import type { Daemon } from '../processes';
import { root } from '../tools';

/** A pod and the real server process that stands for its container. */
interface Member {
  readonly pod: ApiObject;
  readonly process: Daemon;
  readonly http: number;
  readonly metrics: number;
  ready: boolean;
}

/** What the fleet needs to know of the endpoint. */
export interface FleetOptions {
  readonly api: ApiClient;
  readonly folder: string;
  readonly namespace: string;
  readonly deployment: string;
  /** The settings in the synthesized ConfigMap. */
  readonly settings: Readonly<Record<string, string>>;
}

/** One real server process for every Ready pod, started and stopped as pods come and go; and a load split among them. */
export class Fleet {
  /** Requests a second over all servers. */
  requestsPerSecond = 0;
  /** Requests that were not answered with 200. */
  readonly failures: string[] = [];
  readonly targetsFile: string;
  private readonly members = new Map<string, Member>();
  private readonly agent = new http.Agent({ keepAlive: true });
  private running = true;
  private turn = 0;
  private readonly loops: readonly Promise<void>[];

  constructor(private readonly options: FleetOptions) {
    this.targetsFile = path.join(options.folder, 'targets.json');
    fs.writeFileSync(this.targetsFile, '[]');
    this.loops = [this.follow(), this.load()];
  }

  /** Servers that answer. */
  get size(): number {
    return [...this.members.values()].filter((member) => member.ready).length;
  }

  /** CPU seconds and resident bytes of each member's processes, as a container runtime would count them. */
  exposition(): string {
    const lines = [...this.members.values()].flatMap(({ pod, process: { pid } }) => {
      const { seconds, bytes } = usageOfGroup(pid);
      const labels = `{namespace="${this.options.namespace}",pod="${pod.metadata.name}",container="inference"}`;
      return [
        `container_cpu_usage_seconds_total${labels} ${seconds}`,
        `container_memory_working_set_bytes${labels} ${bytes}`,
      ];
    });
    return `${lines.join('\n')}\n`;
  }

  /** Ends the loops and every server. */
  async stop(): Promise<void> {
    this.running = false;
    await Promise.all(this.loops);
    await Promise.all([...this.members.values()].map(({ process }) => process.stop(3_000, 'SIGKILL')));
    this.agent.destroy();
  }

  private async follow(): Promise<void> {
    while (this.running) {
      const pods = (await this.options.api.list(`/api/v1/namespaces/${this.options.namespace}/pods`)).filter(isReady);
      const names = new Set(pods.map(({ metadata }) => metadata.name));
      for (const pod of pods)
        if (!this.members.has(pod.metadata.name)) this.members.set(pod.metadata.name, await this.launch(pod));
      for (const [name, member] of this.members) {
        if (names.has(name)) continue;
        this.members.delete(name);
        void member.process.stop();
      }
      for (const member of this.members.values()) member.ready ||= await answers(member.http);
      this.writeTargets();
      await sleep(200);
    }
  }

  private async launch(pod: ApiObject): Promise<Member> {
    const [http, metrics] = [await freePort(), await freePort()];
    const cache = path.join(this.options.folder, pod.metadata.name);
    fs.mkdirSync(cache);
    // What only a cluster has is replaced; everything else is as the manifest says.
    const env = {
      ...this.options.settings,
      [INFERENCE_ENV.bindAddress.name]: '127.0.0.1',
      [INFERENCE_ENV.httpPort.name]: String(http),
      [INFERENCE_ENV.metricsPort.name]: String(metrics),
      [INFERENCE_ENV.modelUri.name]: `file://${path.join(root, 'examples/quickstart/models')}`,
      [INFERENCE_ENV.modelCacheDir.name]: cache,
      [INFERENCE_ENV.drainDelay.name]: '1',
    };
    const program = path.join(root, 'runtime/inference/dist/inference/main.js');
    const daemon = start(
      pod.metadata.name,
      process.execPath,
      [program],
      path.join(this.options.folder, `${pod.metadata.name}.log`),
      { env },
    );
    return { pod, process: daemon, http, metrics, ready: false };
  }

  private writeTargets(): void {
    const targets = [...this.members.values()]
      .filter((member) => member.ready)
      .map(({ pod, metrics }) => ({
        targets: [`127.0.0.1:${metrics}`],
        labels: { namespace: this.options.namespace, pod: pod.metadata.name, container: 'inference' },
      }));
    const text = JSON.stringify(targets);
    if (fs.readFileSync(this.targetsFile, 'utf8') === text) return;
    fs.writeFileSync(`${this.targetsFile}.part`, text);
    fs.renameSync(`${this.targetsFile}.part`, this.targetsFile);
  }

  private async load(): Promise<void> {
    const tick = 100;
    let owed = 0;
    while (this.running) {
      const began = Date.now();
      owed += (this.requestsPerSecond * tick) / 1000;
      const ready = [...this.members.values()].filter((member) => member.ready);
      for (; owed >= 1 && ready.length > 0; owed--) {
        const member = ready[this.turn++ % ready.length];
        if (member) void this.infer(member);
      }
      owed = Math.min(owed, this.requestsPerSecond);
      await sleep(Math.max(0, tick - (Date.now() - began)));
    }
  }

  private async infer(member: Member): Promise<void> {
    const input = {
      name: DIGITS_TENSORS.input,
      datatype: 'FP32',
      shape: [1, PIXELS],
      data: Array<number>(PIXELS).fill(0),
    };
    const status = await post(
      this.agent,
      member.http,
      inferPath(DIGITS_MODEL.name),
      JSON.stringify({ inputs: [input] }),
    );
    // A server that is told to leave while a request is on its way is the balancer's business, not the loop's.
    if (status !== 200 && this.members.get(member.pod.metadata.name) === member)
      this.failures.push(`${member.pod.metadata.name}: ${status}`);
  }
}

function isReady({ metadata, status }: ApiObject): boolean {
  const conditions = (status?.['conditions'] ?? []) as unknown as readonly { type: string; status: string }[];
  return (
    !metadata.deletionTimestamp &&
    conditions.some((condition) => condition.type === 'Ready' && condition.status === 'True')
  );
}

async function answers(port: number): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${port}${PATHS.ready}`)).ok;
  } catch {
    return false;
  }
}

function post(agent: http.Agent, port: number, where: string, body: string): Promise<number> {
  return new Promise((resolve) => {
    const headers = { 'content-type': 'application/json' };
    const request = http.request(
      { host: '127.0.0.1', port, path: where, method: 'POST', agent, headers, timeout: 10_000 },
      (response) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode ?? 0));
        response.on('error', () => resolve(0));
      },
    );
    request.on('error', () => resolve(0));
    request.on('timeout', () => request.destroy());
    request.end(body);
  });
}

/** Linux counts CPU time in hundredths of a second and memory in pages of 4 KiB; every server leads a process group of its own. */
function usageOfGroup(group: number): { readonly seconds: number; readonly bytes: number } {
  const usage = { seconds: 0, bytes: 0 };
  for (const entry of fs.readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      // The second field is a name in parentheses that may hold anything; the third is the state.
      const fields = fs
        .readFileSync(`/proc/${entry}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ')
        .map(Number);
      if (fields[2] !== group) continue;
      usage.seconds += ((fields[11] ?? 0) + (fields[12] ?? 0)) / 100;
      usage.bytes += (fields[21] ?? 0) * 4096;
    } catch {
      // The process has left in the meantime.
    }
  }
  return usage;
}
