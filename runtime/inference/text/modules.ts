import { TEXT_FILES } from '../../contract';
import { isPlainPath } from '../models/manifest';
import { invalidFile, isObject, readJson, readObject } from './files';
import type { JsonObject } from './files';
import type { Pooling } from './settings';

/** A step from tokens to a vector, as sentence-transformers writes it down. */
interface Module {
  /** Last part of the name of its class. */
  readonly type: string;
  /** Folder with its settings. */
  readonly path: string;
}

/** How vectors are made. */
export interface VectorSteps {
  /** @throws ModelError for one that is not done here */
  readonly pooling: () => Pooling | undefined;
  /** Whether they are scaled to length 1. */
  readonly normalize: boolean;
  /** A step that is not done here. */
  readonly stranger: string | undefined;
}

const { modules: MODULES } = TEXT_FILES;
const POOLING = 'Pooling';
const KNOWN: readonly string[] = ['Transformer', POOLING, 'Normalize', 'Dropout'];
/** Modes of pooling by the names that they have there. */
const MODES: ReadonlyMap<string, Pooling> = new Map([
  ['cls', 'cls'],
  ['mean', 'mean'],
  ['max', 'max'],
  ['lasttoken', 'last'],
]);
const SWITCH = /^pooling_mode_(.+?)(_tokens?)?$/;

function moduleOf(value: unknown): Module {
  const { type, path } = isObject(value) ? value : {};
  if (typeof type !== 'string' || typeof path !== 'string') {
    throw invalidFile(MODULES, 'an entry is not an object with type and path');
  }
  if (path !== '' && !isPlainPath(path)) throw invalidFile(MODULES, 'a path is not a plain relative path');
  return { type: type.split('.').at(-1) ?? type, path };
}

function readModules(dir: string): readonly Module[] | undefined {
  const list = readJson(dir, MODULES);
  if (list === undefined) return undefined;
  if (!Array.isArray(list)) throw invalidFile(MODULES, 'it is not a list');
  return list.map(moduleOf);
}

function poolingFile(modules: readonly Module[]): string | undefined {
  const found = modules.find(({ type }) => type === POOLING);
  return found && [found.path, TEXT_FILES.config].filter((part) => part !== '').join('/');
}

/** Modes that are switched on: named since version 5.4, switches before, of which that for the mean is on by default. */
function modesOf(config: JsonObject): readonly string[] {
  const named = config['pooling_mode'] ?? undefined;
  if (named !== undefined) return [named].flat().map(String);
  const switches = Object.entries({ pooling_mode_mean_tokens: true, ...config });
  return switches.flatMap(([key, value]) => (value === true ? (SWITCH.exec(key)?.[1] ?? []) : []));
}

function readPooling(dir: string, file: string): Pooling {
  const config = readObject(dir, file);
  if (config === undefined) throw invalidFile(file, 'there is none');
  const modes = modesOf(config);
  const [mode = ''] = modes;
  const pooling = modes.length === 1 ? MODES.get(mode) : undefined;
  if (pooling !== undefined) return pooling;
  const got = modes.length === 0 ? 'none' : modes.join(' and ');
  throw invalidFile(file, `the mode of pooling is ${got}, and one of ${[...MODES.keys()].join(', ')} can be done`);
}

/**
 * Reads how sentence-transformers makes vectors of the model; undefined where it does not say.
 *
 * @throws ModelError
 */
export function readVectorSteps(dir: string): VectorSteps | undefined {
  const modules = readModules(dir);
  if (modules === undefined) return undefined;
  const file = poolingFile(modules);
  return {
    pooling: () => (file === undefined ? undefined : readPooling(dir, file)),
    normalize: modules.some(({ type }) => type === 'Normalize'),
    stranger: modules.map(({ type }) => type).find((type) => !KNOWN.includes(type)),
  };
}

/** Files beside the model that its list of steps refers to. @throws ModelError */
export function filesOfModules(dir: string): readonly string[] {
  const file = poolingFile(readModules(dir) ?? []);
  return file === undefined ? [] : [file];
}
