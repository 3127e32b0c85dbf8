import fs from 'node:fs';
import path from 'node:path';
import { MODEL_NAME_PATTERN, MODEL_STORE } from '../../contract';
import { unusableIdentifier } from '../errors';
import { nameTwice, noModel } from './errors';

/** A model that is served: a graph that becomes a version of a store, or a model of a repository. */
export type FoundModel =
  | { readonly kind: 'graph'; readonly name: string; readonly graph: string }
  | { readonly kind: 'stored'; readonly name: string; readonly repository: string };

const VERSION = /^[1-9]\d{0,14}$/;
const GRAPH_END = '.onnx';
/** Folders of a repository that are looked at. */
const MAX_MODELS = 1_000;

/**
 * Finds out what the arguments are.
 *
 * @param name name of the model, where there is one graph
 * @throws LNMT6051, LNMT6057, LNMT6025
 */
export function findModels(cwd: string, places: readonly string[], name?: string): readonly FoundModel[] {
  const found = places.flatMap((place) => lookAt(path.resolve(cwd, place), place));
  const named = name === undefined ? found : [renamed(found, name)];
  for (const [index, model] of named.entries()) {
    if (!MODEL_NAME_PATTERN.test(model.name)) {
      throw unusableIdentifier('the name of the model', model.name, MODEL_NAME_PATTERN);
    }
    const twin = named.slice(0, index).find((other) => other.name === model.name);
    if (twin) throw nameTwice(model.name, [placeOf(twin), placeOf(model)]);
  }
  return named;
}

const placeOf = (model: FoundModel): string => (model.kind === 'graph' ? model.graph : model.repository);

function renamed(found: readonly FoundModel[], name: string): FoundModel {
  const [only] = found;
  if (found.length === 1 && only?.kind === 'graph') return { ...only, name };
  const stored = found.find((model) => model.kind === 'stored' && model.name === name);
  if (stored) return stored;
  throw noModel(name, '--name names one ONNX file, or one model of a repository');
}

function lookAt(place: string, shown: string): readonly FoundModel[] {
  const stats = fs.statSync(place, { throwIfNoEntry: false });
  if (stats === undefined) throw noModel(shown, 'there is nothing of that name');
  if (stats.isFile()) return [{ kind: 'graph', name: nameOf(place), graph: place }];
  if (!stats.isDirectory()) throw noModel(shown, 'it is neither a file nor a folder');
  const graph = path.join(place, MODEL_STORE.model);
  if (isFile(graph)) return [{ kind: 'graph', name: nameOf(graph), graph }];
  if (isModelFolder(place)) {
    return [{ kind: 'stored', name: path.basename(place), repository: path.dirname(place) }];
  }
  const names = fs.readdirSync(place).filter((name) => isModelFolder(path.join(place, name)));
  if (names.length > MAX_MODELS) throw noModel(shown, `it holds more than ${MAX_MODELS} models`);
  if (names.length > 0) return names.sort().map((name) => ({ kind: 'stored', name, repository: place }));
  return [onlyGraph(place, shown)];
}

function onlyGraph(folder: string, shown: string): FoundModel {
  const graphs = fs.readdirSync(folder).filter((name) => name.endsWith(GRAPH_END) && isFile(path.join(folder, name)));
  const [graph] = graphs;
  if (graph === undefined) throw noModel(shown, 'the folder holds no model');
  if (graphs.length > 1) throw noModel(shown, `the folder holds ${graphs.length} graphs and no ${MODEL_STORE.model}`);
  return { kind: 'graph', name: nameOf(path.join(folder, graph)), graph: path.join(folder, graph) };
}

const isFile = (file: string): boolean => fs.statSync(file, { throwIfNoEntry: false })?.isFile() ?? false;

function isModelFolder(folder: string): boolean {
  if (!(fs.statSync(folder, { throwIfNoEntry: false })?.isDirectory() ?? false)) return false;
  return fs
    .readdirSync(folder)
    .some((name) => VERSION.test(name) && isFile(path.join(folder, name, MODEL_STORE.model)));
}

/** Name of the model in a folder: in a repository the folder of the model is above that of the version. */
function folderName(folder: string): string {
  const name = path.basename(folder);
  return /^\d+$/.test(name) ? path.basename(path.dirname(folder)) : name;
}

/** A name for URLs from that of the file; from the folder's where the file is called as all are. */
function nameOf(graph: string): string {
  const file = path.basename(graph);
  const word = file === MODEL_STORE.model ? folderName(path.dirname(graph)) : file.replace(/\.onnx$/i, '');
  const name = word
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[^a-z0-9]+/, '')
    .slice(0, 128);
  return name === '' ? 'model' : name;
}
