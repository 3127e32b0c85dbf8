import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { DRIFT_BASELINE, MODEL_STORE, TEXT_FILES } from '../../contract';
import type { ModelFile } from '../../contract';
import { ModelError } from '../../inference/errors';
import { parseBundle } from '../../inference/signing/bundle';
import { compareFiles, signedFiles } from '../../inference/signing/statement';
import { filesOfModules } from '../../inference/text/modules';
import { modelDataMissing, signatureUnfit } from '../errors';
import { modelRefused } from './errors';

/** A file of a model: where it is, and what it becomes in the store. */
export interface LocalModelFile extends ModelFile {
  /** The file on this machine. */
  readonly source: string;
}

/** What the server accepts as one segment of a path. */
const SEGMENT = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

/** Files of the tokenizer beside a graph; none where there is no tokenizer, because others name files alike. */
function textFiles(folder: string): readonly string[] {
  const present = (name: string): boolean => fs.existsSync(path.join(folder, name));
  if (!present(TEXT_FILES.tokenizer)) return [];
  return [...Object.values(TEXT_FILES).filter(present), ...moduleFiles(folder)];
}

function moduleFiles(folder: string): readonly string[] {
  try {
    return filesOfModules(folder);
  } catch (error) {
    throw error instanceof ModelError ? modelRefused(path.join(folder, TEXT_FILES.modules), error.what) : error;
  }
}

/** What else is taken along when it lies beside the graph: the answers that it must give, its drift baseline, its signature. */
function companions(folder: string): readonly string[] {
  return [MODEL_STORE.golden, DRIFT_BASELINE.file, MODEL_STORE.signature].filter((name) =>
    fs.existsSync(path.join(folder, name)),
  );
}

/** Digests of the files that a signature beside the graph is over; undefined where there is none. @throws LNMT6027 */
function signedNames(folder: string): ReadonlyMap<string, string> | undefined {
  const file = path.join(folder, MODEL_STORE.signature);
  if (!fs.existsSync(file)) return undefined;
  return explained(() => {
    const { payloadType, payload } = parseBundle(fs.readFileSync(file, 'utf8'));
    return signedFiles(payloadType, payload);
  });
}

function holdToSignature(signed: ReadonlyMap<string, string>, files: readonly ModelFile[]): void {
  const covered = files.filter((file) => file.path !== MODEL_STORE.signature);
  explained(() => compareFiles(signed, covered));
}

function explained<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof ModelError ? signatureUnfit(error.what) : error;
  }
}

/** What becomes of a file, before anything of it was read. */
export type ModelFileSource = Pick<LocalModelFile, 'path' | 'source'>;

/**
 * Where the files of a model version are: the graph, which becomes `model.onnx`, the files that it keeps weights in,
 * those of its tokenizer, its golden answers, its drift baseline and its signature.
 *
 * @param externalData paths that the graph names
 * @throws LNMT6024 for data that are absent, or lie elsewhere than beside the graph; LNMT6027 for a signature that
 * cannot be read
 */
export function modelSources(graph: string, externalData: readonly string[]): readonly ModelFileSource[] {
  return sourcesOf(graph, externalData, signedNames(path.dirname(graph)));
}

function sourcesOf(
  graph: string,
  externalData: readonly string[],
  signed: ReadonlyMap<string, string> | undefined,
): readonly ModelFileSource[] {
  const folder = path.dirname(graph);
  const beside = new Set([...textFiles(folder), ...companions(folder), ...(signed?.keys() ?? [])]);
  for (const name of [MODEL_STORE.model, MODEL_STORE.manifest, ...externalData]) beside.delete(name);
  return [
    { path: MODEL_STORE.model, source: graph },
    ...externalData.map((location) => ({ path: location, source: dataFile(folder, location) })),
    ...[...beside].map((name) => ({ path: name, source: dataFile(folder, name) })),
  ];
}

/**
 * The files of {@link modelSources} with their sizes and digests.
 *
 * @throws LNMT6024 for data that are absent, or lie elsewhere than beside the graph; LNMT6027 for a signature that does
 * not fit them
 */
export async function modelFiles(graph: string, externalData: readonly string[]): Promise<readonly LocalModelFile[]> {
  const signed = signedNames(path.dirname(graph));
  const sources = sourcesOf(graph, externalData, signed);
  const files = await Promise.all(sources.map(async (file) => ({ ...file, ...(await measure(file.source)) })));
  if (signed !== undefined) holdToSignature(signed, files);
  return files;
}

function dataFile(folder: string, location: string): string {
  const plain = location.split('/').every((segment) => SEGMENT.test(segment));
  const taken = location === MODEL_STORE.model || location === MODEL_STORE.manifest;
  if (!plain || taken) throw modelDataMissing(location, 'that path cannot be kept in a store');
  const file = path.join(folder, location);
  if (!fs.existsSync(file) || !fs.statSync(file).isFile()) throw modelDataMissing(location, `there is no file ${file}`);
  return file;
}

async function measure(file: string): Promise<{ readonly sha256: string; readonly bytes: number }> {
  const hash = createHash('sha256');
  let bytes = 0;
  await pipeline(fs.createReadStream(file), async (source: AsyncIterable<Buffer>) => {
    for await (const chunk of source) {
      hash.update(chunk);
      bytes += chunk.length;
    }
  });
  return { sha256: hash.digest('hex'), bytes };
}
