import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import * as realSdk from '@aws-sdk/client-s3';
import { describe, expect, test } from 'vitest';
import { renderModelManifest } from '../../../runtime/contract';
import { ModelCache } from '../../../runtime/inference/models/cache';
import { FileStore } from '../../../runtime/inference/models/file-store';
import { parseManifest } from '../../../runtime/inference/models/manifest';
import { modelFiles } from '../../../runtime/cli/model/files';
import { readOnnxFile } from '../../../runtime/cli/model/onnx-file';
import { multipartUpload } from '../../../runtime/cli/model/s3-multipart';
import { S3Target } from '../../../runtime/cli/model/s3-target';
import type { S3Sdk } from '../../../runtime/cli/model/s3-target';
import { STATEMENT } from '../../../runtime/inference/signing/statement';
import { identityModel, loopModel } from '../support/models';
import { cli, ROOT, scratch } from './support';

const DIGITS = path.join(ROOT, 'examples/quickstart/models/digits/3');

const varint = (value: number): Buffer =>
  value < 128 ? Buffer.of(value) : Buffer.concat([Buffer.of((value & 127) | 128), varint(value >> 7)]);
const number = (field: number, value: number): Buffer => Buffer.concat([varint(field << 3), varint(value)]);
const bytes = (field: number, content: Buffer | string): Buffer =>
  Buffer.concat([varint((field << 3) | 2), varint(Buffer.byteLength(content)), Buffer.from(content)]);

/** A model whose weights lie in another file; with `inside` its tensor is that of a node's attribute. */
function externalModel(location: string, inside = false): Buffer {
  const tensor = Buffer.concat([
    number(2, 1),
    bytes(13, Buffer.concat([bytes(1, 'location'), bytes(2, location)])),
    number(14, 1),
  ]);
  const graph = inside ? bytes(1, bytes(5, bytes(5, tensor))) : bytes(5, tensor);
  return Buffer.concat([number(1, 9), bytes(8, number(2, 17)), bytes(7, graph)]);
}

function writeModel(content: Uint8Array, name = 'm.onnx'): string {
  const file = path.join(scratch(), name);
  fs.writeFileSync(file, content);
  return file;
}

const push = (file: string, store: string, version = '3') =>
  cli(['model', 'push', 'digits', file, '--version', version, '--store', pathToFileURL(store).href]);

describe('lnmt model push', () => {
  test('writes the layout that the quickstart has and the server reads', async () => {
    const store = scratch();
    expect((await push(path.join(DIGITS, 'model.onnx'), store)).code).toBe(0);
    const manifest = fs.readFileSync(path.join(store, 'digits/3/manifest.json'), 'utf8');
    expect(manifest).toBe(fs.readFileSync(path.join(DIGITS, 'manifest.json'), 'utf8'));
    expect(fs.readdirSync(path.join(store, 'digits'))).toEqual(['3']);
    const cached = await new ModelCache(new FileStore(store), scratch()).obtain({ name: 'digits', version: '3' });
    expect(cached.fetched).toBe(true);
  });

  test('takes the files along that hold the weights, wherever the graph names them', async () => {
    for (const inside of [false, true]) {
      const file = writeModel(externalModel('weights/w.bin', inside));
      fs.mkdirSync(path.join(path.dirname(file), 'weights'));
      fs.writeFileSync(path.join(path.dirname(file), 'weights/w.bin'), 'weights');
      const store = scratch();
      expect((await push(file, store)).code).toBe(0);
      expect(fs.readFileSync(path.join(store, 'digits/3/weights/w.bin'), 'utf8')).toBe('weights');
      expect(
        (await new ModelCache(new FileStore(store), scratch()).obtain({ name: 'digits', version: '3' })).fetched,
      ).toBe(true);
    }
  });

  test.each([
    ['read-only', 0o444],
    ['private', 0o600],
  ])('publishes a %s source so that others read it, as the manifest', async (_name, mode) => {
    const file = writeModel(identityModel('FP32'));
    fs.chmodSync(file, mode);
    const store = scratch();
    expect((await push(file, store)).code).toBe(0);
    expect(fs.statSync(path.join(store, 'digits/3/model.onnx')).mode & 0o777).toBe(0o644);
  });

  test('takes the tokenizer along, and nothing of that name where there is none', async () => {
    const file = writeModel(identityModel('FP32'));
    fs.writeFileSync(path.join(path.dirname(file), 'config.json'), '{}');
    const without = scratch();
    expect((await push(file, without)).code).toBe(0);
    expect(fs.readdirSync(path.join(without, 'digits/3')).sort()).toEqual(['manifest.json', 'model.onnx']);
    fs.writeFileSync(path.join(path.dirname(file), 'tokenizer.json'), '{}');
    fs.writeFileSync(path.join(path.dirname(file), 'notes.txt'), '');
    const store = scratch();
    expect((await push(file, store)).code).toBe(0);
    const files = ['config.json', 'manifest.json', 'model.onnx', 'tokenizer.json'];
    expect(fs.readdirSync(path.join(store, 'digits/3')).sort()).toEqual(files);
  });

  test('takes along what sentence-transformers says of its vectors, and refuses a list that cannot be read', async () => {
    const file = writeModel(identityModel('FP32'));
    const beside = (name: string, content: unknown): void => {
      const target = path.join(path.dirname(file), name);
      fs.mkdirSync(path.dirname(target), { recursive: true });
      fs.writeFileSync(target, JSON.stringify(content));
    };
    beside('tokenizer.json', {});
    beside('sentence_bert_config.json', {});
    beside('modules.json', [{ type: 'sentence_transformers.models.Pooling', path: '1_Pooling' }]);
    expect(await push(file, scratch())).toMatchObject({ code: 2, err: expect.stringContaining('LNMT6024') as string });
    beside('1_Pooling/config.json', { pooling_mode_cls_token: true });
    const store = scratch();
    expect((await push(file, store)).code).toBe(0);
    const { files } = parseManifest(fs.readFileSync(path.join(store, 'digits/3/manifest.json'), 'utf8'));
    const names = [
      '1_Pooling/config.json',
      'model.onnx',
      'modules.json',
      'sentence_bert_config.json',
      'tokenizer.json',
    ];
    expect(files.map((each) => each.path)).toEqual(names);
    beside('modules.json', [{ type: 'sentence_transformers.models.Pooling', path: '../secrets' }]);
    expect(await push(file, scratch())).toMatchObject({ code: 2, err: expect.stringContaining('LNMT6031') as string });
  });

  test('says that the same content is there already, and is no error', async () => {
    const store = scratch();
    const file = writeModel(identityModel('FP32'));
    await push(file, store);
    expect(await push(file, store)).toMatchObject({ code: 0, out: expect.stringMatching(/^already in /) as string });
  });

  test('does not say so of a version whose files are not as long as its manifest says', async () => {
    const store = scratch();
    const file = writeModel(identityModel('FP32'));
    await push(file, store);
    fs.truncateSync(path.join(store, 'digits/3/model.onnx'), 3);
    expect((await push(file, store)).err).toContain(
      'LNMT6014: version 3 of model digits is in the store already: model.onnx',
    );
  });

  test('refuses to change a version, and leaves it as it is', async () => {
    const store = scratch();
    await push(writeModel(identityModel('FP32')), store);
    const before = fs.readFileSync(path.join(store, 'digits/3/manifest.json'), 'utf8');
    const { code, err } = await push(writeModel(identityModel('FP64')), store);
    expect(code).toBe(2);
    expect(err).toContain('error LNMT6014: version 3 of model digits is in the store already: with other content');
    expect(fs.readFileSync(path.join(store, 'digits/3/manifest.json'), 'utf8')).toBe(before);
    expect(fs.readdirSync(path.join(store, 'digits'))).toEqual(['3']);
  });

  /** A signature over files, as far as a push looks at it: who made it is the server's business. */
  function signatureOver(files: Readonly<Record<string, Buffer>>): string {
    const digest = (content: Buffer): string => createHash('sha256').update(content).digest('hex');
    const rows = Object.entries(files).map(([name, content]) => ({
      name,
      digest: digest(content),
      algorithm: 'sha256',
    }));
    const all = createHash('sha256');
    for (const row of rows) all.update(row.digest, 'hex');
    const statement = {
      _type: STATEMENT.type,
      subject: [{ digest: { sha256: all.digest('hex') } }],
      predicateType: STATEMENT.predicate,
      predicate: { resources: rows, serialization: { method: 'files' } },
    };
    const payload = Buffer.from(JSON.stringify(statement)).toString('base64');
    const dsseEnvelope = { payload, payloadType: STATEMENT.payloadType, signatures: [{ sig: 'AAAA' }] };
    return JSON.stringify({ dsseEnvelope, verificationMaterial: { publicKey: {} } });
  }

  test('takes a signature along, with every file that it is over, and golden answers', async () => {
    const graph = Buffer.from(identityModel('FP32'));
    const file = writeModel(graph);
    const [labels, golden] = [Buffer.from('labels'), Buffer.from('{"cases":[]}')];
    const beside = { 'labels.txt': labels, 'golden.json': golden };
    for (const [name, content] of Object.entries(beside))
      fs.writeFileSync(path.join(path.dirname(file), name), content);
    const signature = signatureOver({ 'model.onnx': graph, ...beside });
    fs.writeFileSync(path.join(path.dirname(file), 'model.sig'), signature);
    const store = scratch();
    expect((await push(file, store)).code).toBe(0);
    const pushed = fs.readdirSync(path.join(store, 'digits/3')).sort();
    expect(pushed).toEqual(['golden.json', 'labels.txt', 'manifest.json', 'model.onnx', 'model.sig']);
  });

  test.each<[string, (graph: Buffer) => string, string]>([
    ['of another graph', () => signatureOver({ 'model.onnx': Buffer.from('x') }), 'model.onnx was changed'],
    ['under another name', (graph) => signatureOver({ 'm.onnx': graph }), 'model.onnx is not signed'],
    ['that is none', () => 'signed, me', 'it is not JSON'],
  ])('refuses a signature %s, and pushes nothing', async (_what, signature, message) => {
    const graph = Buffer.from(identityModel('FP32'));
    const file = writeModel(graph);
    fs.writeFileSync(path.join(path.dirname(file), 'model.sig'), signature(graph));
    const store = scratch();
    const { code, err } = await push(file, store);
    expect(code).toBe(2);
    expect(err).toContain('error LNMT6027');
    expect(err).toContain(message);
    expect(fs.readdirSync(store)).toEqual([]);
  });

  test('refuses a folder that somebody left half written', async () => {
    const store = scratch();
    fs.mkdirSync(path.join(store, 'digits/3'), { recursive: true });
    expect((await push(writeModel(identityModel('FP32')), store)).err).toContain('error LNMT6014');
    expect(fs.readdirSync(path.join(store, 'digits/3'))).toEqual([]);
  });

  test.each(['../secret', '/etc/passwd', 'a/../../b', 'model.onnx', 'manifest.json', '.hidden', 'absent.bin'])(
    'refuses weights in %s',
    async (location) => {
      const store = scratch();
      const { code, err } = await push(writeModel(externalModel(location)), store);
      expect(code).toBe(2);
      expect(err).toContain('error LNMT6024');
      expect(fs.readdirSync(store)).toEqual([]);
    },
  );

  test.each([
    ['text', Buffer.from('{"not": "a model"}')],
    ['nothing', Buffer.alloc(0)],
    ['a graph without operator sets', Buffer.concat([number(1, 9), bytes(7, '')])],
    ['no graph', Buffer.concat([number(1, 9), bytes(8, number(2, 17))])],
    ['half a model', Buffer.from(identityModel('FP32')).subarray(0, 40)],
    ['a model with something after it', Buffer.concat([identityModel('FP32'), Buffer.of(0)])],
  ])('refuses a file with %s', async (_what, content) => {
    const { code, err } = await push(writeModel(content), scratch());
    expect(code).toBe(2);
    expect(err).toContain('error LNMT6012');
  });

  test('says which store cannot be written where it lies below a file', async () => {
    const file = writeModel(identityModel('FP32'));
    const { code, err } = await push(file, path.join(file, 'store'));
    expect(code).toBe(1);
    expect(err).toContain(`error LNMT6016: ${path.join(file, 'store/digits/3')} cannot be written: ENOTDIR`);
  });

  test('accepts models with graphs inside graphs', () => {
    expect(readOnnxFile(writeModel(loopModel()))).toMatchObject({ externalData: [] });
  });

  test.each([
    [['model', 'push', 'Digits', 'f', '--version', '1', '--store', 'file:///s'], 'LNMT6025'],
    [['model', 'push', 'digits', 'f', '--version', '0', '--store', 'file:///s'], 'LNMT6025'],
    [['model', 'push', 'digits', 'f', '--version', '1.5', '--store', 'file:///s'], 'LNMT6025'],
    [['model', 'push', 'digits', 'no such file', '--version', '1', '--store', 'file:///s'], 'LNMT6001'],
    [['model', 'push', 'digits', 'package.json', '--version', '1', '--store', 'gs://b'], 'LNMT6013'],
    [['model', 'push', 'digits', 'package.json', '--version', '1', '--store', 's3://key:secret@b'], 'LNMT6013'],
  ])('refuses %j', async (argv, expected) => {
    expect(await cli(argv)).toMatchObject({ code: 2, err: expect.stringContaining(`error ${expected}`) as string });
  });
});

interface StoredObject {
  readonly text: string;
  readonly Metadata?: Record<string, string> | undefined;
  readonly ETag?: string;
}

interface Command {
  readonly constructor: { readonly name: string };
  readonly input: Record<string, unknown>;
}

const raise = (name: string): never => {
  throw Object.assign(new Error(name), { name });
};

/** A bucket in memory, behind the real commands of the SDK. */
function memoryBucket(
  objects: Map<string, StoredObject>,
  order: string[],
  before: (command: Command) => unknown = () => undefined,
): () => Promise<S3Sdk> {
  let tags = 0;
  class MemoryClient {
    async send(command: Command) {
      await before(command);
      const { Bucket, Key, IfNoneMatch, IfMatch, Body, Metadata } = command.input;
      const key = `${String(Bucket)}/${String(Key)}`;
      const stored = objects.get(key);
      if (command.constructor.name === 'GetObjectCommand') {
        return { Body: { transformToString: async () => (stored ?? raise('NoSuchKey')).text } };
      }
      if (command.constructor.name === 'HeadObjectCommand') {
        const { text, ...said } = stored ?? raise('NotFound');
        return { ...said, ContentLength: text.length };
      }
      const lost = (IfNoneMatch === '*' && stored !== undefined) || (IfMatch !== undefined && IfMatch !== stored?.ETag);
      if (lost) raise('PreconditionFailed');
      tags += 1;
      const text = Body instanceof Uint8Array ? Buffer.from(Body).toString('latin1') : String(Body);
      objects.set(key, { text, Metadata: Metadata as Record<string, string> | undefined, ETag: `"${tags}"` });
      order.push(key);
      return {};
    }
    destroy(): void {
      order.push('closed');
    }
  }
  return async () => ({ ...realSdk, S3Client: MemoryClient as unknown as typeof realSdk.S3Client });
}

async function s3Request(content: Uint8Array) {
  const files = await modelFiles(writeModel(content), []);
  return { name: 'digits', version: '3', files, manifest: renderModelManifest(files) };
}

describe('pushing to S3', () => {
  test('writes the manifest last', async () => {
    const order: string[] = [];
    const target = new S3Target({ bucket: 'b', prefix: 'p/q' }, memoryBucket(new Map(), order));
    expect(await target.push(await s3Request(identityModel('FP32')))).toBe('pushed');
    expect(order).toEqual(['b/p/q/digits/3/model.onnx', 'b/p/q/digits/3/manifest.json', 'closed']);
  });

  const pushTo = async (
    objects: Map<string, StoredObject>,
    content: Uint8Array,
    before?: (command: Command) => unknown,
  ): Promise<unknown> =>
    new S3Target({ bucket: 'b', prefix: '' }, memoryBucket(objects, [], before)).push(await s3Request(content));
  const [MANIFEST, GRAPH] = ['b/digits/3/manifest.json', 'b/digits/3/model.onnx'];
  const graphOf = (content: Uint8Array): string => Buffer.from(content).toString('latin1');

  test('refuses to change a version, also one that appears in the meantime', async () => {
    const objects = new Map<string, StoredObject>();
    expect(await pushTo(objects, identityModel('FP32'))).toBe('pushed');
    expect(await pushTo(objects, identityModel('FP32'))).toBe('unchanged');
    await expect(pushTo(objects, identityModel('FP64'))).rejects.toThrow('LNMT6014');
    objects.delete(MANIFEST);
    const loseRace = ({ input }: Command): void => {
      if (input['IfNoneMatch']) objects.set(MANIFEST, { text: 'somebody else’s' });
    };
    await expect(pushTo(objects, identityModel('FP32'), loseRace)).rejects.toThrow('LNMT6014');
    expect(objects.get(MANIFEST)?.text).toBe('somebody else’s');
  });

  test('replaces no file that another push has written, whose manifest may be on its way', async () => {
    const objects = new Map<string, StoredObject>();
    const [first, second] = [identityModel('FP32'), identityModel('INT32')];
    expect(first.length).toBe(second.length);
    const failed: unknown[] = [];
    // All of the second push takes place between the last file of the first one and its manifest.
    const overtaken = async ({ constructor, input }: Command): Promise<void> => {
      if (constructor.name !== 'PutObjectCommand' || !String(input['Key']).endsWith('manifest.json')) return;
      await pushTo(objects, second).catch((error: unknown) => failed.push(error));
    };
    expect(await pushTo(objects, first, overtaken)).toBe('pushed');
    expect(String(failed[0])).toContain('LNMT6014: version 3 of model digits is in the store already: model.onnx');
    expect(objects.get(GRAPH)?.text).toBe(graphOf(first));
  });

  test('replaces no file that appears while it uploads its own', async () => {
    const objects = new Map<string, StoredObject>();
    const theirs: StoredObject = { text: 'theirs' };
    const appears = ({ constructor }: Command): void => {
      if (constructor.name === 'PutObjectCommand') objects.set(GRAPH, theirs);
    };
    await expect(pushTo(objects, identityModel('FP32'), appears)).rejects.toThrow('LNMT6014');
    expect([...objects]).toEqual([[GRAPH, theirs]]);
  });

  test('completes what a push of the same content left half done', async () => {
    const objects = new Map<string, StoredObject>();
    await pushTo(objects, identityModel('FP32'));
    objects.delete(MANIFEST);
    expect(await pushTo(objects, identityModel('FP32'))).toBe('pushed');
  });

  test.each<[string, StoredObject | undefined]>([
    ['absent', undefined],
    ['cut', { text: 'x', ETag: '"x"' }],
    ['another one of the same size', { text: graphOf(identityModel('INT32')), Metadata: { sha256: 'x' }, ETag: '"x"' }],
  ])('mends a version with its manifest whose file is %s', async (_how, stored) => {
    const objects = new Map<string, StoredObject>();
    await pushTo(objects, identityModel('FP32'));
    if (stored === undefined) objects.delete(GRAPH);
    else objects.set(GRAPH, stored);
    expect(await pushTo(objects, identityModel('FP32'))).toBe('pushed');
    expect(objects.get(GRAPH)?.text).toBe(graphOf(identityModel('FP32')));
    expect(await pushTo(objects, identityModel('FP32'))).toBe('unchanged');
  });

  test('believes the size of a file that an earlier release pushed without its digest', async () => {
    const objects = new Map<string, StoredObject>();
    await pushTo(objects, identityModel('FP32'));
    objects.set(GRAPH, { text: graphOf(identityModel('FP32')) });
    expect(await pushTo(objects, identityModel('FP32'))).toBe('unchanged');
  });

  test('holds an upload in parts to the same condition', async () => {
    const sent: [string, unknown, unknown][] = [];
    const send = async ({ constructor, input }: Command): Promise<object> => {
      sent.push([constructor.name, input['Metadata'], input['IfNoneMatch']]);
      return { UploadId: 'u', ETag: '"e"' };
    };
    const [file] = (await s3Request(identityModel('FP32'))).files;
    if (file === undefined) throw new Error('no file');
    const place = { Bucket: 'b', Key: 'k', IfNoneMatch: '*', Metadata: { sha256: file.sha256 } };
    await multipartUpload({ sdk: realSdk, client: { send } as unknown as realSdk.S3Client }, place, file);
    expect(sent).toEqual([
      ['CreateMultipartUploadCommand', { sha256: file.sha256 }, undefined],
      ['UploadPartCommand', undefined, undefined],
      ['CompleteMultipartUploadCommand', undefined, '*'],
    ]);
  });

  test('reports what the store says, and a missing client with how to get it', async () => {
    const failing = async (): Promise<S3Sdk> => {
      const sdk = await memoryBucket(new Map(), [])();
      sdk.S3Client.prototype.send = (async () => {
        throw Object.assign(new Error('who are you'), { name: 'AccessDenied' });
      }) as never;
      return sdk;
    };
    const request = await s3Request(identityModel('FP32'));
    await expect(new S3Target({ bucket: 'b', prefix: '' }, failing).push(request)).rejects.toThrow(
      'LNMT6016: s3://b cannot be written: AccessDenied: who are you',
    );
  });
});
