import fs from 'node:fs';
import path from 'node:path';
import { decoderModel, encoderModel, TINY } from './text-models';
import type { DecoderOptions } from './text-models';
import { CHAT_TEMPLATE, CONTROL, trainBpe, wordPiece, WORDS } from './tokenizers';

/** Text that the tokenizer of the decoder is trained on. */
const CORPUS = 'the cat sat on the mat, the dog ran and the cat ran; then the dog sat on the mat again. '.repeat(3);

/** The tokenizer of the decoder. */
export const TRAINED = trainBpe(CORPUS, 40);

const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));

/**
 * Files of a decoder with its tokenizer, as an exporter writes them. Its tokenizer states the end of an answer unless the
 * config does: one that names no token of the vocabulary makes answers that have their full length.
 */
export function decoderFiles(options: Partial<DecoderOptions> = {}, config: object = {}): Record<string, Uint8Array> {
  const end = 'eos_token_id' in config ? {} : { eos_token: CONTROL.end };
  return {
    'model.onnx': decoderModel({ vocabulary: TRAINED.vocabulary, ...options }),
    'tokenizer.json': json(TRAINED.document),
    'tokenizer_config.json': json({ chat_template: CHAT_TEMPLATE, ...end, model_max_length: 1e30 }),
    'config.json': json({ model_type: 'tiny', max_position_embeddings: TINY.positions, ...config }),
  };
}

/** Files of an encoder with its tokenizer. */
export function encoderFiles(config: object = {}): Record<string, Uint8Array> {
  return {
    'model.onnx': encoderModel(WORDS.length),
    'tokenizer.json': json(wordPiece()),
    'tokenizer_config.json': json({ model_max_length: 64 }),
    'config.json': json({ task: 'embedding', ...config }),
  };
}

/** Writes files into a folder. */
export function writeFiles(dir: string, files: Record<string, Uint8Array>): string {
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(dir, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, content);
  }
  return dir;
}
