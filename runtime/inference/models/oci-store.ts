import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { MODEL_STORE, renderModelManifest } from '../../contract';
import type { ModelFile } from '../../contract';
import { ModelError } from '../errors';
import { bodyOf, dismiss, GuardedHttp, textOf } from './guarded-http';
import type { Question } from './guarded-http';
import { isPlainPath, MAX_FILES } from './manifest';
import { RegistryAccess, storedCredential } from './oci-auth';
import { gather, nextPage } from './pages';
import { ContentChanged } from './store';
import type { ModelStore, StoreEntry } from './store';

/** Where a registry is, and how it is reached. */
export interface OciStoreOptions {
  /** URL of the registry with the path that goes before the names of models, e.g. `https://registry.example.com/ml`. */
  readonly url: string;
  /** Configuration file of Docker with credentials, read anew for each request. @default - none: the registry is asked as anybody */
  readonly authFile?: string | undefined;
  /** Milliseconds that the registry may be silent. @default - that of {@link GuardedHttp} */
  readonly silenceMs?: number | undefined;
}

const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
/** Annotation that names the file which a layer is, as ORAS writes it. */
const TITLE = 'org.opencontainers.image.title';
/** Annotation with the digest of what a layer unpacks to: such a layer is a folder, not a file. */
const UNPACK = 'io.deis.oras.content.unpack';
const DIGEST = /^sha256:([0-9a-f]{64})$/;
const MAX_MANIFEST_BYTES = 4 << 20;
const TAGS_AT_ONCE = 1_000;

interface Blob extends ModelFile {
  readonly digest: string;
}

type Fields = Readonly<Record<string, unknown>>;

const objectOf = (value: unknown): Fields => (typeof value === 'object' && value !== null ? (value as Fields) : {});

const tagsOf = (model: string): string => `the tags of ${model}`;

/** The file that a layer of an artifact is; undefined for layers that are none. */
function blobOf(layer: unknown): Blob | undefined {
  const { digest, size, annotations } = objectOf(layer);
  const { [TITLE]: title, [UNPACK]: unpack } = objectOf(annotations);
  const sha256 = typeof digest === 'string' ? DIGEST.exec(digest)?.[1] : undefined;
  if (typeof title !== 'string' || unpack === 'true') return undefined;
  if (sha256 === undefined || typeof size !== 'number' || !Number.isSafeInteger(size) || !isPlainPath(title)) {
    throw new ModelError('LNMT8302', `the artifact has a layer without a plain title, a size and a SHA-256`);
  }
  return { path: title, sha256, bytes: size, digest: `sha256:${sha256}` };
}

async function jsonOf(answer: IncomingMessage, file: string): Promise<Fields> {
  const tooLong = (): ModelError => new ModelError('LNMT8302', `${file} is longer than ${MAX_MANIFEST_BYTES} bytes`);
  const text = await textOf(answer, MAX_MANIFEST_BYTES, tooLong);
  try {
    return objectOf(JSON.parse(text));
  } catch (error) {
    throw new ModelError('LNMT8302', `${file} is not JSON`, false, error);
  }
}

/**
 * Models as artifacts of a registry: a repository for each model, a tag for each version, a layer for each file. An
 * artifact without `manifest.json` among its files has one all the same: its layers have digests.
 *
 * @see https://github.com/opencontainers/distribution-spec
 */
export class OciStore implements ModelStore {
  private readonly home: URL;
  private readonly http: GuardedHttp;
  private readonly access: RegistryAccess;

  /** @throws ModelError for credentials that cannot be read */
  constructor({ url, authFile, silenceMs }: OciStoreOptions) {
    this.home = new URL(url);
    this.http = new GuardedHttp(this.home, silenceMs);
    const credential = (): string | undefined => storedCredential(authFile, this.home);
    // A file that is not readable is told at the start, not when models are asked for.
    credential();
    this.access = new RegistryAccess(this.home, this.http, credential);
  }

  async open(file: string, start = 0, tag?: string): Promise<Readable> {
    const [model = '', version = '', ...rest] = file.split('/');
    const name = rest.join('/');
    if (version === '' || name === '') throw new ModelError('LNMT8301', `no file ${file}`);
    const blobs = await this.files(model, version);
    const blob = blobs.find(({ path }) => path === name);
    if (tag !== undefined && blob?.sha256 !== tag) throw new ContentChanged(file);
    if (blob !== undefined) return this.get(model, this.urlOf(model, `blobs/${blob.digest}`), { file, start });
    if (name !== MODEL_STORE.manifest) throw new ModelError('LNMT8301', `no file ${file}`);
    return Readable.from([Buffer.from(renderModelManifest(blobs)).subarray(start)]);
  }

  async list(folder: string): Promise<readonly StoreEntry[]> {
    const [model = '', version = ''] = folder.split('/');
    if (model === '') throw new ModelError('LNMT8309', 'a registry does not say which models it holds');
    if (version === '') return gather(folder, this.tags(model));
    const blobs = await this.files(model, version);
    const written = blobs.some(({ path }) => path === MODEL_STORE.manifest);
    const entries = blobs.map(({ path, bytes, sha256 }) => ({ name: path, bytes, tag: sha256 }));
    return written ? entries : [...entries, { name: MODEL_STORE.manifest, bytes: renderModelManifest(blobs).length }];
  }

  /** The tags of a repository, page by page: registries have bounds of their own, whatever is asked for. */
  private async *tags(model: string): AsyncGenerator<readonly StoreEntry[]> {
    const file = tagsOf(model);
    const first = this.urlOf(model, `tags/list?n=${TAGS_AT_ONCE}`);
    for (let at: URL | undefined = first; at !== undefined;) {
      const answer = await this.page(model, at, at === first);
      if (answer === undefined) return;
      const { tags } = await jsonOf(answer, file);
      const names: readonly unknown[] = Array.isArray(tags) ? tags : [];
      yield names.flatMap((name) => (typeof name === 'string' ? [{ name }] : []));
      at = nextPage(answer.headers['link'], at, file);
    }
  }

  /** A page of tags; undefined where there is no such repository. */
  private async page(model: string, at: URL, isFirst: boolean): Promise<IncomingMessage | undefined> {
    try {
      return await this.get(model, at, { file: tagsOf(model) });
    } catch (error) {
      if (!(error instanceof ModelError) || error.code !== 'LNMT8301') throw error;
      if (isFirst) return undefined;
      throw new ModelError('LNMT8304', `${tagsOf(model)}: a page of them is gone`, true, error);
    }
  }

  private async files(model: string, version: string): Promise<readonly Blob[]> {
    const file = `${model}/${version}`;
    const url = this.urlOf(model, `manifests/${version}`);
    const answer = await this.get(model, url, { file, headers: { accept: MANIFEST_TYPE } });
    const { layers } = await jsonOf(answer, file);
    if (!Array.isArray(layers) || layers.length > MAX_FILES) {
      throw new ModelError('LNMT8302', `${file} is no artifact with at most ${MAX_FILES} layers`);
    }
    return layers.flatMap((layer) => blobOf(layer) ?? []);
  }

  private urlOf(model: string, what: string): URL {
    return new URL(`/v2${this.home.pathname.replace(/\/+$/, '')}/${model}/${what}`, this.home);
  }

  private async get(model: string, url: URL, question: Question): Promise<IncomingMessage> {
    const authorization = this.access.authorizationFor(model);
    const first = await this.ask(url, question, authorization);
    if (first.statusCode !== 401) return bodyOf(first, question);
    dismiss(first);
    if (!(await this.access.answerTo(first, model, authorization))) return bodyOf(first, question);
    return bodyOf(await this.ask(url, question, this.access.authorizationFor(model)), question);
  }

  private ask(url: URL, question: Question, authorization: string | undefined): Promise<IncomingMessage> {
    return this.http.get(url, { ...question, homeHeaders: authorization === undefined ? {} : { authorization } });
  }
}
