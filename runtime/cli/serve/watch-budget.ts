import fs from 'node:fs';
import path from 'node:path';
import type { FoundModel } from './find-models';
import type { GraphFiles } from './temporary-store';

/** What served before and what serves next lie beside one another, and the next may be twice as large. */
const COPIES = 3;
/** Below this nobody misses the room, and a small model may become any other. */
const LEAST_BYTES = 2 ** 30;

const sizeOf = (file: string): number => {
  const stats = fs.statSync(file, { throwIfNoEntry: false });
  return stats?.isFile() ? stats.size : 0;
};

function filesOf(model: FoundModel): readonly string[] {
  if (model.kind === 'graph') return [];
  const folder = path.join(model.repository, model.name);
  return fs.readdirSync(folder, { recursive: true }).map((name) => path.join(folder, String(name)));
}

/**
 * Bytes that the verified files of a server may hold while changes of its models are followed. Without a bound each change
 * would stay as long as the server.
 */
export function watchBudget(models: readonly FoundModel[], graphs: readonly GraphFiles[]): number {
  const files = [...graphs.flatMap((graph) => graph.files.map(({ source }) => source)), ...models.flatMap(filesOf)];
  return Math.max(LEAST_BYTES, COPIES * files.reduce((sum, file) => sum + sizeOf(file), 0));
}
