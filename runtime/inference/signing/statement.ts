import { createHash } from 'node:crypto';
import type { ModelFile } from '../../contract';
import { signatureRefused } from './errors';

/** What the OpenSSF model signing specification calls its payload. @see https://github.com/ossf/model-signing-spec */
export const STATEMENT = {
  payloadType: 'application/vnd.in-toto+json',
  type: 'https://in-toto.io/Statement/v1',
  predicate: 'https://model_signing/signature/v1.0',
} as const;

const DIGEST = /^[0-9a-f]{64}$/;

type Fields = Readonly<Record<string, unknown>>;

const objectOf = (value: unknown): Fields => (typeof value === 'object' && value !== null ? (value as Fields) : {});

function resourceOf(value: unknown): readonly [name: string, sha256: string] {
  const { name, algorithm, digest } = objectOf(value);
  if (typeof name !== 'string' || typeof digest !== 'string')
    throw signatureRefused('a signed file has no name or digest');
  if (algorithm !== 'sha256' || !DIGEST.test(digest)) {
    throw signatureRefused(`${JSON.stringify(name)} is signed by its ${String(algorithm)}; sign with --hash sha256`);
  }
  return [name, digest];
}

/**
 * The files that a statement is about, and their SHA-256.
 *
 * @throws ModelError LNMT8312 for a statement of another kind, or one that contradicts itself
 */
export function signedFiles(payloadType: string, payload: Buffer): ReadonlyMap<string, string> {
  let document: unknown;
  try {
    document = JSON.parse(payload.toString('utf8'));
  } catch {
    throw signatureRefused('the signed statement is not JSON');
  }
  const { _type: type, predicateType, predicate, subject } = objectOf(document);
  const { resources, serialization } = objectOf(predicate);
  if (payloadType !== STATEMENT.payloadType || type !== STATEMENT.type || predicateType !== STATEMENT.predicate) {
    throw signatureRefused('what is signed is no model, as version 1.0 of the specification states it');
  }
  if (objectOf(serialization)['method'] !== 'files' || !Array.isArray(resources)) {
    throw signatureRefused('the model is signed by parts of files; sign whole files');
  }
  const rows = resources.map(resourceOf);
  const files = new Map(rows);
  if (files.size < rows.length) throw signatureRefused('a file is signed twice');
  const all = createHash('sha256');
  for (const [, digest] of rows) all.update(digest, 'hex');
  const [first] = Array.isArray(subject) ? (subject as unknown[]) : [];
  if (objectOf(objectOf(first)['digest'])['sha256'] !== all.digest('hex')) {
    throw signatureRefused('the digest of the model is not that of the files which are listed');
  }
  return files;
}

/** Holds the files of a model to those that are signed. @throws ModelError LNMT8312 where they differ */
export function compareFiles(signed: ReadonlyMap<string, string>, files: readonly ModelFile[]): void {
  const stranger = files.find(({ path }) => !signed.has(path));
  if (stranger !== undefined) throw signatureRefused(`${stranger.path} is not signed`);
  const changed = files.find(({ path, sha256 }) => signed.get(path) !== sha256);
  if (changed !== undefined) throw signatureRefused(`${changed.path} was changed after it was signed`);
  const present = new Set(files.map(({ path }) => path));
  const missing = [...signed.keys()].find((name) => !present.has(name));
  if (missing !== undefined) throw signatureRefused(`${JSON.stringify(missing)} is signed and absent`);
}
