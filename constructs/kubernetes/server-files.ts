import type { IConstruct } from 'constructs';
import { INFERENCE_ENV, VOLUMES } from '../../runtime/contract';
import { fileTooLarge } from './errors';

/**
 * Files that an inference server reads at start, by what they say. Each is text, may be late-bound, and holds no secret: they
 * travel in a ConfigMap. A changed file replaces the pods.
 */
export interface ServerFiles {
  /**
   * Models beside the one of the endpoint, as JSON. The image needs the features of their stores (`s3`, `gcs`, `azure`), and
   * `pictures` for steps that decode images.
   *
   * @default - none
   */
  readonly models?: string;
  /** Pipelines over the models, as JSON. @default - none */
  readonly pipelines?: string;
  /** Cedar policies beside the scopes. The image needs the feature `policies`. @default - none */
  readonly policies?: string;
  /** Public keys in PEM of those whose signatures of models are accepted. @default - none */
  readonly signatureKeys?: string;
  /** Certificates in PEM of authorities behind the signers of models. @default - none */
  readonly signatureCa?: string;
  /**
   * Trusted root of Sigstore (`trusted_root.json`) behind signers of models by identity. It says of nobody that they may sign:
   * `env` names them, with their identity providers, in LNMT_SIGNATURE_KEYLESS_IDENTITIES. The image needs the feature `keyless`.
   *
   * @default - none
   */
  readonly signatureTrustedRoot?: string;
}

/** Name of each file, and the setting that names it. */
const FILES = {
  models: ['models.json', INFERENCE_ENV.modelsFile.name],
  pipelines: ['pipelines.json', INFERENCE_ENV.pipelinesFile.name],
  policies: ['policies.cedar', INFERENCE_ENV.policyFile.name],
  signatureKeys: ['signature-keys.pem', INFERENCE_ENV.signatureKeysFile.name],
  signatureCa: ['signature-ca.pem', INFERENCE_ENV.signatureCaFile.name],
  signatureTrustedRoot: ['trusted_root.json', INFERENCE_ENV.signatureTrustedRootFile.name],
} as const satisfies Record<keyof ServerFiles, readonly [file: string, setting: string]>;

/** What a ConfigMap holds at most, with room for its names. @see https://kubernetes.io/docs/concepts/configuration/configmap/ */
const MOST_BYTES = 1_000_000;

const given = (files: ServerFiles): readonly (readonly [keyof ServerFiles, string])[] =>
  (Object.keys(FILES) as (keyof ServerFiles)[]).flatMap((key) => {
    const text = files[key];
    return text === undefined ? [] : [[key, text] as const];
  });

/** Content of the ConfigMap; undefined without files. @throws LNMT3020 for more than one takes */
export function fileData(scope: IConstruct, files: ServerFiles = {}): Readonly<Record<string, string>> | undefined {
  const entries = given(files);
  const bytes = entries.reduce((sum, [, text]) => sum + Buffer.byteLength(text), 0);
  if (bytes > MOST_BYTES) throw fileTooLarge(scope, bytes, MOST_BYTES);
  return entries.length === 0 ? undefined : Object.fromEntries(entries.map(([key, text]) => [FILES[key][0], text]));
}

/** The settings that name the files. */
export function fileSettings(files: ServerFiles = {}): Readonly<Record<string, string>> {
  return Object.fromEntries(given(files).map(([key]) => [FILES[key][1], `${VOLUMES.files}/${FILES[key][0]}`]));
}
