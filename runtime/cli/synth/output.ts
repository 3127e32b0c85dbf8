import fs from 'node:fs';
import path from 'node:path';
import { DELIVERY_INDEX, DELIVERY_MODES } from '../../../constructs/delivery/delivery';
import type { DeliveryIndex } from '../../../constructs/delivery/delivery';
import { noOutput, unreadable } from '../errors';
import { at, isRecord, list, text, texts } from '../json';

/** File of an output that lists its stacks. */
export const OUTPUT_MANIFEST = 'manifest.json';

/** One synthesized stack. */
export interface StackOutput {
  readonly name: string;
  /** Folder of the stack, relative to the output folder. */
  readonly folder: string;
  /** Names of the stacks that are applied before it. */
  readonly dependencies: readonly string[];
  /** Resources that Terraform manages for it. */
  readonly resources: number;
  /** What it delivers into the cluster. @default - nothing */
  readonly delivery?: DeliveryIndex;
}

/** Reads what a synthesis wrote. @throws LNMT6004 without output, LNMT6006 for files that are not what cdktf writes */
export function readOutput(folder: string): readonly StackOutput[] {
  const manifest = path.join(folder, OUTPUT_MANIFEST);
  if (!fs.existsSync(manifest)) throw noOutput(folder);
  const stacks = at(readJson(manifest), 'stacks');
  if (!isRecord(stacks)) throw unreadable(manifest, 'it lists no stacks', 'run `lnmt synth`');
  return Object.entries(stacks).map(([name, entry]) => readStack(folder, name, entry));
}

function readStack(output: string, name: string, entry: unknown): StackOutput {
  const file = path.join(output, text(at(entry, 'synthesizedStackPath')) ?? '');
  const folder = path.dirname(file);
  const resources = at(readJson(file), 'resource');
  const index = path.join(folder, DELIVERY_INDEX);
  return {
    name,
    folder: path.relative(output, folder),
    dependencies: list(at(entry, 'dependencies')).map(String),
    resources: isRecord(resources)
      ? Object.values(resources).reduce<number>((sum, byId) => sum + (isRecord(byId) ? Object.keys(byId).length : 0), 0)
      : 0,
    ...(fs.existsSync(index) ? { delivery: readDeliveryIndex(index) } : {}),
  };
}

/** Reads what a stack delivers. @throws LNMT6006 for a file that no synthesis wrote */
export function readDeliveryIndex(file: string): DeliveryIndex {
  const index = readJson(file);
  const fault = faultOf(index);
  if (fault === undefined) return index as DeliveryIndex;
  throw unreadable(file, fault, 'run `lnmt synth` again');
}

function faultOf(index: unknown): string | undefined {
  if (!isRecord(index)) return 'it holds no JSON object';
  const { cloud, gaps, mode, platform, releases, values } = index;
  if (text(platform) === undefined || text(cloud) === undefined) return 'it names no platform or no cloud';
  if (!DELIVERY_MODES.some((each) => each === mode)) return `its mode is none of ${DELIVERY_MODES.join(', ')}`;
  if (!Array.isArray(releases)) return 'it lists no releases';
  const place = releases.findIndex((release) => !isRelease(release));
  if (place >= 0) return `release ${place} has no name, no layer, no namespace or no number of objects`;
  if (!isRecord(values) || Object.keys(texts(values)).length < Object.keys(values).length) return 'it lists no values';
  return gaps === undefined || isRecord(gaps) ? undefined : 'its gaps are no JSON object';
}

function isRelease(release: unknown): boolean {
  if (!isRecord(release)) return false;
  const { layer, name, namespace, objects, path } = release;
  const named = [layer, name, namespace, path ?? ''].every((each) => text(each) !== undefined);
  return named && Number.isSafeInteger(objects);
}

/** Reads a JSON file. @throws LNMT6006 */
export function readJson(file: string): unknown {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8')) as unknown;
  } catch (error) {
    throw unreadable(file, error instanceof Error ? error.message : String(error), 'write the file again');
  }
}
