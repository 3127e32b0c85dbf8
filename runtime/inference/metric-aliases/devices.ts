import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

/** What a driver tells of a GPU. */
export interface GpuReading {
  /** Name that stays with the device: its unique id, else that of its entry. */
  readonly gpu: string;
  /** Share of time that it was busy, 0 to 1. */
  readonly utilization: number | undefined;
  readonly memoryUsed: number | undefined;
  readonly memoryTotal: number | undefined;
}

const DRM = '/sys/class/drm';
const CARD = /^card\d{1,3}$/;
/** Most cards that are looked at. */
const MOST_CARDS = 64;

async function read(file: string): Promise<string | undefined> {
  return fs.readFile(file, 'utf8').then(
    (text) => text.trim(),
    () => undefined,
  );
}

async function readNumber(file: string): Promise<number | undefined> {
  const text = await read(file);
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

async function readCard(folder: string, card: string): Promise<GpuReading> {
  const device = path.join(folder, card, 'device');
  const [busy, memoryUsed, memoryTotal, id] = await Promise.all([
    readNumber(path.join(device, 'gpu_busy_percent')),
    readNumber(path.join(device, 'mem_info_vram_used')),
    readNumber(path.join(device, 'mem_info_vram_total')),
    read(path.join(device, 'unique_id')),
  ]);
  const utilization = busy === undefined ? undefined : Math.min(1, busy / 100);
  return { gpu: id || card, utilization, memoryUsed, memoryTotal };
}

/** GPUs whose driver tells of them by files, as amdgpu does; others are not listed. @param folder of the drivers */
export async function readGpus(folder = DRM): Promise<readonly GpuReading[]> {
  const entries = await fs.readdir(folder).catch((): string[] => []);
  const cards = entries.filter((entry) => CARD.test(entry)).slice(0, MOST_CARDS);
  const all = await Promise.all(cards.sort().map((card) => readCard(folder, card)));
  return all.filter(({ utilization, memoryTotal }) => utilization !== undefined || memoryTotal !== undefined);
}

interface CpuTimes {
  readonly busy: number;
  readonly all: number;
}

function cpuTimes(): CpuTimes {
  let [busy, all] = [0, 0];
  for (const { times } of os.cpus()) {
    const sum = times.user + times.nice + times.sys + times.irq + times.idle;
    all += sum;
    busy += sum - times.idle;
  }
  return { busy, all };
}

/** Load of the processors between two looks. */
export class CpuLoad {
  private last: CpuTimes = { busy: 0, all: 0 };

  /** Share of time that they were busy since the last look, 0 to 1; since the machine began at the first. */
  read(): number {
    const now = cpuTimes();
    const { busy, all } = this.last;
    this.last = now;
    return now.all > all ? Math.min(1, Math.max(0, (now.busy - busy) / (now.all - all))) : 0;
  }
}
