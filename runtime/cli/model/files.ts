import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { MODEL_STORE, TEXT_FILES } from '../../contract';
import type { ModelFile } from '../../contract';
import { modelDataMissing } from '../errors';

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
  return present(TEXT_FILES.tokenizer) ? Object.values(TEXT_FILES).filter(present) : [];
}

/**
 * The files of a model version: the graph, which becomes `model.onnx`, the files that it keeps weights in, and those
 * of its tokenizer.
 *
 * @param externalData paths that the graph names
 * @throws LNMT6024 for data that are absent, or lie elsewhere than beside the graph
 */
export async function modelFiles(graph: string, externalData: readonly string[]): Promise<readonly LocalModelFile[]> {
  const folder = path.dirname(graph);
  const text = textFiles(folder).filter((name) => !externalData.includes(name));
  const sources = [
    { path: MODEL_STORE.model, source: graph },
    ...externalData.map((location) => ({ path: location, source: dataFile(folder, location) })),
    ...text.map((name) => ({ path: name, source: path.join(folder, name) })),
  ];
  return Promise.all(sources.map(async (file) => ({ ...file, ...(await measure(file.source)) })));
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
