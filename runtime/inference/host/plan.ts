/** What decides how a model is spread over a machine. */
export interface PlanInput {
  /** Workers asked for; 0 leaves the number to what is measured. */
  readonly workers: number;
  /** Threads of one run asked for; 0 leaves the number to the plan. */
  readonly threads: number;
  readonly cores: number;
  readonly modelBytes: number;
  /** Budget of the host; 0 is none. */
  readonly memoryBytes: number;
  readonly onCpu: boolean;
}

/** How a model is spread over a machine before anything was measured. */
export interface Plan {
  readonly maxWorkers: number;
  readonly threads: number;
}

/** More copies of the weights than this are never made unasked. */
const MOST_WORKERS = 4;
/** Models below this gain nothing from a second thread: handing the work over costs more than the work. */
const SMALL_MODEL_BYTES = 16 * 2 ** 20;
/** Resident bytes of a session in terms of its files, and of a process that has none. */
const MEMORY = { perModelByte: 1.7, base: 120 * 2 ** 20 } as const;
/** Runs shorter than this are over before a second worker could have taken one, in milliseconds. */
const SHORT_RUN_MS = 1;

/**
 * Several workers with few threads each serve more than one worker with many. Threads × workers never exceeds the
 * cores unless both were asked for.
 */
export function planWorkers({ workers, threads, cores, modelBytes, memoryBytes, onCpu }: PlanInput): Plan {
  if (!onCpu) return { maxWorkers: workers || 1, threads: threads || 1 };
  const byMemory =
    memoryBytes === 0 ? cores : Math.floor((memoryBytes - MEMORY.base) / (modelBytes * MEMORY.perModelByte));
  const most = Math.max(1, Math.min(cores, MOST_WORKERS, byMemory, Math.floor(cores / (threads || 1))));
  const maxWorkers = workers || most;
  const share = modelBytes < SMALL_MODEL_BYTES ? 1 : Math.max(1, Math.floor(cores / maxWorkers));
  return { maxWorkers, threads: threads || share };
}

/** Workers to use once a run was timed. */
export function chooseWorkers(workers: number, { maxWorkers }: Plan, runMs: number | undefined): number {
  if (workers > 0) return Math.min(workers, maxWorkers);
  return runMs !== undefined && runMs < SHORT_RUN_MS ? 1 : maxWorkers;
}
