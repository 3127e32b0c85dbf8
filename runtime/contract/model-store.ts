/**
 * Layout of a model store: `<name>/<version>/manifest.json` beside the files that it lists, one of them
 * `model.onnx`. `lnmt model push` writes it, the inference server reads it.
 */
export const MODEL_STORE = {
  /** Written last: a version without it does not exist yet. */
  manifest: 'manifest.json',
  /** The graph; files that it refers to lie beside it. */
  model: 'model.onnx',
  /** Requests and the answers that they must have, before the version is served. */
  golden: 'golden.json',
  /** Signature over all other files, as the OpenSSF model signing specification has it. */
  signature: 'model.sig',
} as const;

/**
 * Files beside the graph that make it a model of text, in the names that exporters give them. `lnmt model push` takes
 * them along where a tokenizer lies beside the graph.
 */
export const TEXT_FILES = {
  tokenizer: 'tokenizer.json',
  tokenizerConfig: 'tokenizer_config.json',
  /** Chat template in a file of its own. */
  template: 'chat_template.jinja',
  config: 'config.json',
  generationConfig: 'generation_config.json',
  /** How sentence-transformers makes vectors; the settings of its pooling lie in a folder that it names. */
  modules: 'modules.json',
  sentenceConfig: 'sentence_bert_config.json',
} as const;

/** Names of models and versions: no separators, never `.` or `..`. */
export const MODEL_NAME_PATTERN = /^[a-z0-9][a-z0-9._-]{0,127}$/;

/** One file of a model version. */
export interface ModelFile {
  /** Path below the version's folder, with `/` between segments. */
  readonly path: string;
  /** SHA-256 of the content, lower-case hexadecimal. */
  readonly sha256: string;
  /** Size of the content in bytes. */
  readonly bytes: number;
}

/** Content of `manifest.json`. */
export interface ModelManifest {
  /** Every file of the version, sorted by path. */
  readonly files: readonly ModelFile[];
}

/** Path of a file of a model version below the root of its store, e.g. `digits/3/model.onnx`. */
export function modelStorePath(name: string, version: string, file: string): string {
  return `${name}/${version}/${file}`;
}

/** The bytes of `manifest.json`: the same for the same files in any order. */
export function renderModelManifest(files: readonly ModelFile[]): string {
  const sorted = [...files].sort((a, b) => (a.path < b.path ? -1 : 1));
  const rows = sorted.map(({ path, sha256, bytes }) => ({ path, sha256, bytes }));
  return `${JSON.stringify({ files: rows }, undefined, 2)}\n`;
}
