import fs from 'node:fs';
import path from 'node:path';
import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ElementType, writeOnnx } from '../../../../examples/quickstart/onnx';
import {
  DRIFT_BASELINE,
  driftFeature,
  inferPath,
  METRICS,
  MODEL_STORE,
  modelPath,
  modelStorePath,
  PATHS,
} from '../../../../runtime/contract';
import { packStrings } from '../../../../runtime/inference/tensors/bytes';
import { GrpcClient } from '../../support/grpc-client';
import { pushModel } from '../../support/models';
import { digestOf, textPlugin } from '../../support/plugins';
import { passing, ProcessedServer } from '../../support/processed-server';
import { encoderFiles } from '../../support/text-store';

const ROWS = { 'model.onnx': passing(ElementType.FLOAT, ['n', 3]) };
const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));

interface Output {
  readonly name: string;
  readonly datatype: string;
  readonly shape: number[];
  readonly data: (number | string)[];
}

describe('a server whose models have steps', () => {
  let server: ProcessedServer;

  beforeEach(() => {
    server = new ProcessedServer();
  });
  afterEach(() => server.end());

  const outputsOf = (reply: { json(): unknown }): Output[] => (reply.json() as { outputs: Output[] }).outputs;
  const floats = (name: string, values: number[]): object => ({
    ...{ name, datatype: 'FP32', shape: [values.length / 3, 3], data: values },
  });
  const texts = (...data: string[]): object => ({ name: 'text', datatype: 'BYTES', shape: [data.length], data });

  describe('before the model', () => {
    const TOKENIZE = { before: [{ step: 'tokenize' }] };

    it('turns texts into tokens, as a client that tokenizes would', async () => {
      server.add('texts', encoderFiles(), TOKENIZE).add('tokens', encoderFiles());
      await server.start();
      const ids = [2, 4, 5, 6, 3];
      const tensor = (name: string, data: number[]): object => ({ name, datatype: 'INT64', shape: [1, 5], data });
      const byTokens = await server.infer('tokens', [
        tensor('input_ids', ids),
        tensor('attention_mask', [1, 1, 1, 1, 1]),
        tensor('token_type_ids', [0, 0, 0, 0, 0]),
      ]);
      const byText = await server.infer('texts', [texts('the cat sat')]);
      expect(byText.statusCode).toBe(200);
      expect(outputsOf(byText)).toEqual(outputsOf(byTokens));
    });

    it('has no form for text where that would pass its filters or bounds by', async () => {
      const FILTER = { after: [{ step: 'filter', tensor: 'last_hidden_state', round: 1 }] };
      const files = encoderFiles({ task: undefined });
      server.add('plain', files, TOKENIZE).add('rounded', files, { ...TOKENIZE, ...FILTER });
      server.add('bounded', files, { ...TOKENIZE, inputs: { text: { maxBytes: 16 } } });
      await server.start();
      const listed = (await server.send({ url: `${PATHS.openai}/models` })).json<{ data: { id: string }[] }>();
      expect(listed.data.map(({ id }) => id)).toEqual(['plain']);
      for (const [model, code] of [
        ['plain', 200],
        ['rounded', 400],
        ['bounded', 400],
      ] as const) {
        const payload = { model, input: 'the cat' };
        const { statusCode } = await server.send({ method: 'POST', url: `${PATHS.openai}/embeddings`, payload });
        expect([model, statusCode]).toEqual([model, code]);
      }
    });

    it('is refused where it says that it is for text all the same', async () => {
      server.add('bounded', encoderFiles(), { ...TOKENIZE, inputs: { text: { maxBytes: 16 } } });
      await expect(server.start()).rejects.toThrow('LNMT8315');
    });

    it('fills up texts of one request so that none changes the answer to another', async () => {
      server.add('texts', encoderFiles(), TOKENIZE);
      await server.start();
      const [alone] = outputsOf(await server.infer('texts', [texts('the cat')]));
      const [both] = outputsOf(await server.infer('texts', [texts('the cat', 'the dog ran on the mat')]));
      expect(both?.shape).toEqual([2, 8, alone?.shape[2]]);
      const size = 4 * (alone?.shape[2] ?? 0);
      both?.data.slice(0, size).forEach((value, index) => {
        expect(value).toBeCloseTo(Number(alone?.data[index]), 4);
      });
    });

    it('says what clients send and receive, and takes nothing else', async () => {
      server.add('texts', encoderFiles(), TOKENIZE);
      await server.start();
      const described = (await server.send({ method: 'GET', url: modelPath('texts') })).json<Record<string, unknown>>();
      expect(described['inputs']).toEqual([{ name: 'text', datatype: 'BYTES', shape: [-1] }]);
      const reply = await server.infer('texts', [{ name: 'input_ids', datatype: 'INT64', shape: [1, 1], data: [5] }]);
      expect([reply.statusCode, reply.body]).toEqual([400, expect.stringContaining('the model takes \\"text\\"')]);
    });

    it.each([
      ['no tokens that fit', texts('the cat '.repeat(100)), 'has 202 tokens; the model takes 64'],
      ['characters beyond any bound', texts('a', 'x'.repeat(9_000)), 'element 1 has 9000 characters; at most 8192'],
    ])('refuses a text with %s', async (_title, input, message) => {
      server.add('texts', encoderFiles(), TOKENIZE);
      await server.start();
      const reply = await server.infer('texts', [input]);
      expect([reply.statusCode, reply.json()]).toMatchObject([
        400,
        { error: expect.stringContaining(message) as string },
      ]);
    });

    it('cuts longer texts where it is told to, and keeps the closing token', async () => {
      server.add('texts', encoderFiles(), { before: [{ step: 'tokenize', truncate: true, maxLength: 4 }] });
      await server.start();
      const [cut] = outputsOf(await server.infer('texts', [texts('the cat sat on the mat')]));
      const [whole] = outputsOf(await server.infer('texts', [texts('the cat')]));
      expect(cut).toEqual(whole);
    });

    it('refuses bytes that are no text, over every transport', async () => {
      server.add('texts', encoderFiles(), TOKENIZE).add('bytes', { 'model.onnx': passing(ElementType.STRING, ['n']) });
      await server.start();
      const data = Uint8Array.of(1, 0, 0, 0, 0xff);
      const reply = await server.inferBinary('texts', { name: 'text', datatype: 'BYTES', shape: [1] }, data);
      expect(reply.body).toContain('element 0 is not UTF-8');
      const plain = await server.inferBinary('bytes', { name: 'x', datatype: 'BYTES', shape: [1] }, data);
      expect([plain.statusCode, plain.body]).toEqual([400, expect.stringContaining('element 0 is not UTF-8')]);
      const ended = Uint8Array.of(3, 0, 0, 0, 97, 0, 98);
      const cut = await server.inferBinary('bytes', { name: 'x', datatype: 'BYTES', shape: [1] }, ended);
      expect([cut.statusCode, cut.body]).toEqual([400, expect.stringContaining('element 0 has a byte 0')]);
      const port = await server.server?.grpc.listen('127.0.0.1', 0);
      const client = GrpcClient.inference(port ?? 0);
      const error = await client.refused('ModelInfer', {
        model_name: 'bytes',
        inputs: [{ name: 'x', datatype: 'BYTES', shape: ['1'], contents: { bytes_contents: [Buffer.of(0xff)] } }],
      });
      client.close();
      expect([error.code, error.details]).toEqual([status.INVALID_ARGUMENT, expect.stringContaining('is not UTF-8')]);
    });

    it('takes steps of plugins, in the names of the model', async () => {
      const plugin = textPlugin(
        path.join(server.dir, 'plugins', 'shout'),
        'shout',
        `exports.steps = { run: ({ text }, { end }, tools) =>
          [tools.ofTexts('text', text.shape, tools.texts(text).map((each) => each.toUpperCase() + end))] };`,
      );
      const parameters = { end: '!' };
      const step = { plugin: 'shout', step: 'run', inputs: { text: 'words' }, outputs: { text: 'x' }, parameters };
      server.add('loud', { 'model.onnx': passing(ElementType.STRING, ['n']) }, { before: [step] });
      await server.start({
        LNMT_PLUGINS_DIR: path.join(server.dir, 'plugins'),
        LNMT_PLUGINS_ALLOW: await digestOf(plugin),
      });
      const input = { name: 'words', datatype: 'BYTES', shape: [2], data: ['a', 'b'] };
      const reply = await server.infer('loud', [input]);
      expect(outputsOf(reply)).toEqual([{ name: 'y', datatype: 'BYTES', shape: [2], data: ['A!', 'B!'] }]);
      expect(await server.metrics()).toMatch(
        new RegExp(`${METRICS.processingDuration.name}_count\\{model="loud",version="1",step="shout/run"\\} 1`),
      );
    });

    it('has no form for text where that would pass a step of a plugin by', async () => {
      const dir = path.join(server.dir, 'plugins', 'refuse');
      const plugin = textPlugin(dir, 'refuse', `exports.steps = { run: ({ text }) => [text] };`);
      const files = encoderFiles({ task: undefined });
      const before = [{ plugin: 'refuse', step: 'run', inputs: { text: 'words' } }, ...TOKENIZE.before];
      server.add('plain', files, TOKENIZE).add('guarded', files, { before });
      await server.start({
        LNMT_PLUGINS_DIR: path.join(server.dir, 'plugins'),
        LNMT_PLUGINS_ALLOW: await digestOf(plugin),
      });
      const listed = (await server.send({ url: `${PATHS.openai}/models` })).json<{ data: { id: string }[] }>();
      expect(listed.data.map(({ id }) => id)).toEqual(['plain']);
      expect((await server.infer('guarded', [{ ...texts('the cat'), name: 'words' }])).statusCode).toBe(200);
      const payload = { model: 'guarded', input: 'the cat' };
      expect((await server.send({ method: 'POST', url: `${PATHS.openai}/embeddings`, payload })).statusCode).toBe(400);
    });
  });

  describe('after the model', () => {
    const NAMED = {
      after: [
        { step: 'softmax', tensor: 'y', as: 'shares' },
        { step: 'labels', tensor: 'shares', labels: ['cat', 'dog', 'mouse'], topK: 2 },
        { step: 'filter', tensor: 'labels', scores: 'scores', floor: 0.2 },
        { step: 'filter', tensor: 'scores', round: 2 },
      ],
    };

    it('gives names and rounded shares instead of scores, and never the scores', async () => {
      server.add('animals', ROWS, NAMED);
      await server.start();
      const reply = await server.infer('animals', [floats('x', [0, 3, 1, 5, 4, 0])]);
      expect(outputsOf(reply)).toEqual([
        { name: 'labels', datatype: 'BYTES', shape: [2, 2], data: ['dog', '', 'cat', 'dog'] },
        { name: 'scores', datatype: 'FP32', shape: [2, 2], data: [0.84, 0, 0.73, 0.27] },
      ]);
      for (const name of ['y', 'shares']) {
        const refused = await server.infer('animals', [floats('x', [1, 2, 3])], { outputs: [{ name }] });
        expect([refused.statusCode, refused.body]).toEqual([
          400,
          expect.stringContaining('is unknown; the model gives \\"labels\\", \\"scores\\"'),
        ]);
      }
      expect(await server.metrics()).toContain('rule="floor"} 1');
    });

    it('gives what is asked for, in that order, and no more', async () => {
      server.add('animals', ROWS, NAMED);
      await server.start();
      const ask = (...names: string[]) =>
        server.infer('animals', [floats('x', [0, 3, 1])], { outputs: names.map((name) => ({ name })) });
      expect(outputsOf(await ask('scores')).map(({ name }) => name)).toEqual(['scores']);
      expect(outputsOf(await ask('scores', 'labels')).map(({ name }) => name)).toEqual(['scores', 'labels']);
    });

    it('takes labels from a file beside the model, and steps from config.json', async () => {
      server.add('animals', { ...ROWS, 'labels.txt': Buffer.from('cat\ndog\nmouse\n') });
      const processing = { after: [{ step: 'labels', tensor: 'y', file: 'labels.txt', scores: 'best' }] };
      fs.writeFileSync(path.join(server.dir, 'store/animals/config.json'), JSON.stringify({ processing }));
      await server.start();
      expect(outputsOf(await server.infer('animals', [floats('x', [0, 3, 1])]))).toEqual([
        { name: 'labels', datatype: 'BYTES', shape: [1, 1], data: ['dog'] },
        { name: 'best', datatype: 'FP32', shape: [1, 1], data: [3] },
      ]);
    });

    it('takes personal data out of texts', async () => {
      const after = [{ step: 'filter', tensor: 'y', personalData: ['email'] }];
      server.add('words', { 'model.onnx': passing(ElementType.STRING, ['n']) }, { after });
      await server.start();
      const input = { name: 'x', datatype: 'BYTES', shape: [2], data: ['write to a.b@example.org now', 'no one'] };
      const [output] = outputsOf(await server.infer('words', [input]));
      expect(output?.data).toEqual(['write to [email] now', 'no one']);
      expect(await server.metrics()).toContain('rule="personal-data"} 1');
    });
  });

  it('never serves a lazy version without its filter, though another could not be had when it started', async () => {
    const after = [{ step: 'filter', tensor: 'y', personalData: ['email'] }];
    const files = { 'model.onnx': passing(ElementType.STRING, ['n']) };
    const store = path.join(server.dir, 'store');
    server.add('words', files, { after }, { load: 'lazy', versions: { latest: 2 } });
    pushModel(store, 'words', '2', { 'model.onnx': passing(ElementType.STRING, ['m']) });
    const graph = path.join(store, modelStorePath('words', '2', MODEL_STORE.model));
    fs.renameSync(graph, `${graph}.later`);
    // What the system cannot follow is as a store that does not answer.
    fs.symlinkSync(MODEL_STORE.model, graph);
    await server.start();
    const tried = (): boolean => server.log.some((line) => line.includes('model not loaded, trying again'));
    await expect.poll(tried).toBe(true);
    fs.renameSync(`${graph}.later`, graph);
    await expect.poll(() => server.server?.models.index(true)).toHaveLength(2);
    const inputs = [{ name: 'x', datatype: 'BYTES', shape: [1], data: ['write to a.b@example.org now'] }];
    for (const version of ['1', '2']) {
      const reply = await server.send({ method: 'POST', url: inferPath('words', version), payload: { inputs } });
      expect(outputsOf(reply)[0]?.data).toEqual(['write to [email] now']);
    }
  });

  describe('with declared bounds', () => {
    const BOUNDS = { inputs: { x: { range: [0, 1] } } };
    const head = { name: 'x', datatype: 'FP32', shape: [1, 3] };
    const bytes = (...values: number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);

    it('refuses what is outside by input and element, without the value, over every transport', async () => {
      server.add('bounded', ROWS, BOUNDS);
      await server.start();
      expect((await server.infer('bounded', [floats('x', [0, 0.5, 1])])).statusCode).toBe(200);
      const message = 'input "x": element 1 is not from 0 to 1';
      const byJson = await server.infer('bounded', [floats('x', [0, 1234.5, 1])]);
      expect([byJson.statusCode, byJson.json()]).toEqual([400, { error: message }]);
      const byBytes = await server.inferBinary('bounded', head, bytes(0, -7, 1));
      expect(byBytes.json<{ error: string }>().error).toBe(message);
      const port = await server.server?.grpc.listen('127.0.0.1', 0);
      const client = GrpcClient.inference(port ?? 0);
      const inputs = [{ ...head, shape: ['1', '3'] }];
      const raw = { model_name: 'bounded', inputs, raw_input_contents: [Buffer.from(bytes(0, 2, 0))] };
      const byRaw = await client.refused('ModelInfer', raw);
      const contents = { fp32_contents: [0, 2, 0] };
      const byContents = await client.refused('ModelInfer', {
        model_name: 'bounded',
        inputs: [{ ...inputs[0], contents }],
      });
      client.close();
      for (const error of [byRaw, byContents]) {
        expect([error.code, error.details]).toEqual([status.INVALID_ARGUMENT, expect.stringContaining(message)]);
      }
      expect(await server.metrics()).toContain(
        `${METRICS.processingRefusals.name}{model="bounded",version="1",code="LNMT8441"} 4`,
      );
    });

    it('passes NaN on to models that say nothing, and refuses it where the model or the server says so', async () => {
      server.add('plain', ROWS).add('finite', ROWS, { inputs: { x: { nonFinite: 'refuse' } } });
      await server.start();
      const data = bytes(1, Number.NaN, 2);
      const passed = await server.inferBinary('plain', head, data);
      expect(outputsOf(passed)[0]?.data).toEqual([1, 'NaN', 2]);
      const refused = await server.inferBinary('finite', head, data);
      expect([refused.statusCode, refused.body]).toEqual([
        400,
        expect.stringContaining('input \\"x\\": element 1 is not a finite number'),
      ]);
    });

    it('refuses NaN and infinities for all models where the server is told to, but for those that want them', async () => {
      server.add('plain', ROWS).add('missing', ROWS, { inputs: { x: { nonFinite: 'allow' } } });
      await server.start({ LNMT_NON_FINITE_INPUTS: 'refuse' });
      for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
        const refused = await server.inferBinary('plain', head, bytes(1, value, 2));
        expect([refused.statusCode, refused.body]).toEqual([
          400,
          expect.stringContaining('element 1 is not a finite number'),
        ]);
        expect((await server.inferBinary('missing', head, bytes(1, value, 2))).statusCode).toBe(200);
      }
      expect((await server.inferBinary('plain', head, bytes(1, 0, 2))).statusCode).toBe(200);
    });

    it('holds categories and lengths of texts', async () => {
      const inputs = { x: { values: ['red', 'green'], maxBytes: 5 } };
      server.add('colours', { 'model.onnx': passing(ElementType.STRING, ['n']) }, { inputs });
      await server.start();
      const ask = (...data: string[]) =>
        server.infer('colours', [{ name: 'x', datatype: 'BYTES', shape: [data.length], data }]);
      expect((await ask('red', 'green')).statusCode).toBe(200);
      expect((await ask('red', 'blue')).body).toContain('element 1 is none of the values that the model takes');
      expect((await ask('greenish')).body).toContain('element 0 has more than 5 bytes');
      const metrics = await server.metrics();
      for (const code of ['LNMT8442', 'LNMT8444']) expect(metrics).toContain(`version="1",code="${code}"} 1`);
    });
  });

  describe('that do not fit', () => {
    it.each([
      ['a tensor that nobody takes', { before: [{ step: 'normalise', tensor: 'z' }] }, 'before[0]: nobody takes "z"'],
      ['a tensor that nobody gives', { after: [{ step: 'softmax', tensor: 'z' }] }, 'after[0]: nobody gives "z"'],
      ['bounds of no input', { inputs: { z: { range: [0, 1] } } }, 'inputs.z: clients send no such input'],
      ['bounds of another kind', { inputs: { x: { maxBytes: 1 } } }, 'inputs.x.maxBytes does not go with FP32'],
      ['a plugin that is not there', { before: [{ plugin: 'p', step: 's' }] }, 'this server has no plugin "p"'],
      ['a tokenizer that is not there', { before: [{ step: 'tokenize' }] }, 'nobody takes input_ids'],
      [
        'fewer labels than classes',
        { after: [{ step: 'labels', tensor: 'y', labels: ['a'] }] },
        '1 labels for 3 classes',
      ],
      ['a file of labels elsewhere', { after: [{ step: 'labels', tensor: 'y', file: '../x' }] }, 'not a plain path'],
    ])('are not loaded: %s', async (_title, processing, message) => {
      server.add('bad', ROWS, processing);
      await expect(server.start()).rejects.toThrow(`LNMT8364`);
      await expect(server.server?.models.load('bad')).rejects.toThrow('LNMT8364');
      expect(server.log.join('')).toContain(
        JSON.stringify(message).slice(1, -1).replaceAll('"', '\\"').replaceAll('\\\\', '\\'),
      );
    });

    it('leave the old version serving', async () => {
      server.add('animals', ROWS, undefined, { load: 'eager' });
      const config = path.join(server.dir, 'store/animals/config.json');
      const use = (processing: object): void => fs.writeFileSync(config, JSON.stringify({ processing }));
      use({ after: [{ step: 'labels', tensor: 'y', labels: ['a', 'b', 'c'] }] });
      await server.start();
      const ask = () => server.infer('animals', [floats('x', [0, 3, 1])]);
      const load = () => server.send({ method: 'POST', url: `${PATHS.repository}/models/animals/load` });
      use({ after: [{ step: 'labels', tensor: 'y', labels: ['a'] }] });
      const refused = await load();
      expect([refused.statusCode, refused.body]).toEqual([expect.any(Number), expect.stringContaining('LNMT8364')]);
      expect(outputsOf(await ask())[0]?.data).toEqual(['b']);
      use({ after: [{ step: 'labels', tensor: 'y', labels: ['x', 'y', 'z'] }] });
      expect((await load()).statusCode).toBe(200);
      expect(outputsOf(await ask())[0]?.data).toEqual(['y']);
    });
  });

  it('holds a drift baseline to what clients send and get', async () => {
    const after = [{ step: 'softmax', tensor: 'y', as: 'shares' }];
    const shares = Array.from({ length: 200 }, (_, index) => index / 200);
    const baselineOf = (tensor: string): Uint8Array => {
      const feature = driftFeature({ side: 'outputs', tensor, element: 0 }, shares);
      return json({ format: DRIFT_BASELINE.format, features: [feature] });
    };
    server.add('animals', { ...ROWS, [DRIFT_BASELINE.file]: baselineOf('shares') }, { after });
    await server.start();
    expect((await server.infer('animals', [floats('x', [1, 2, 3])])).statusCode).toBe(200);
    await server.end();
    server = new ProcessedServer();
    server.add('animals', { ...ROWS, [DRIFT_BASELINE.file]: baselineOf('y') }, { after });
    await expect(server.start()).rejects.toThrow('LNMT8371');
  });

  it('holds golden answers to the graph itself, in its own tensors', async () => {
    const golden = { inputs: [floats('x', [1, 2, 3])], outputs: [floats('y', [1, 2, 3])] };
    const after = [{ step: 'labels', tensor: 'y', labels: ['a', 'b', 'c'] }];
    server.add('animals', { ...ROWS, 'golden.json': json({ cases: [golden] }) }, { after });
    await server.start();
    expect((await server.infer('animals', [floats('x', [0, 3, 1])])).statusCode).toBe(200);
  });

  it('counts the time of steps towards the deadline of a request', async () => {
    const plugin = textPlugin(
      path.join(server.dir, 'plugins', 'slow'),
      'slow',
      `exports.steps = { run: async ({ text }) => { await new Promise((done) => setTimeout(done, 400)); return [text]; } };`,
    );
    const step = { plugin: 'slow', step: 'run', inputs: { text: 'x' }, outputs: { text: 'x' } };
    server.add('late', { 'model.onnx': passing(ElementType.STRING, ['n']) }, { before: [step] });
    await server.start({
      LNMT_PLUGINS_DIR: path.join(server.dir, 'plugins'),
      LNMT_PLUGINS_ALLOW: await digestOf(plugin),
    });
    const input = { name: 'x', datatype: 'BYTES', shape: [1], data: ['a'] };
    const reply = await server.infer('late', [input], { parameters: { timeout: 100_000 } });
    expect([reply.statusCode, reply.body]).toEqual([
      504,
      expect.stringContaining('the deadline of the request passed'),
    ]);
  });

  it('answers every request while a version gives way to another', async () => {
    server.add('animals', ROWS, undefined, { load: 'eager' });
    const config = path.join(server.dir, 'store/animals/config.json');
    const after = [{ step: 'labels', tensor: 'y', labels: ['a', 'b', 'c'] }];
    fs.writeFileSync(config, JSON.stringify({ processing: { after } }));
    await server.start();
    let going = true;
    const codes: number[] = [];
    const ask = async (): Promise<void> => {
      while (going) codes.push((await server.infer('animals', [floats('x', [0, 3, 1])])).statusCode);
    };
    const askers = [ask(), ask(), ask()];
    for (const version of ['2', '3', '4']) {
      pushModel(path.join(server.dir, 'store'), 'animals', version, ROWS);
      await server.server?.models.load('animals');
    }
    going = false;
    await Promise.all(askers);
    expect(codes.length).toBeGreaterThan(10);
    expect(codes.filter((code) => code !== 200)).toEqual([]);
    expect((await server.infer('animals', [floats('x', [0, 3, 1])])).json()).toMatchObject({ model_version: '4' });
  });

  it('refuses texts of different lengths where nothing masks what fills them up', async () => {
    const { 'tokenizer.json': tokenizer = json({}), 'tokenizer_config.json': settings = json({}) } = encoderFiles();
    const node = { op: 'Identity', inputs: ['input_ids'], outputs: ['y'] };
    const [ids, y] = ['input_ids', 'y'].map((name) => ({ name, type: ElementType.INT64, shape: ['n', 'm'] }));
    const graph = { name: 'ids', nodes: [node], inputs: ids ? [ids] : [], outputs: y ? [y] : [] };
    const files = {
      'model.onnx': writeOnnx(graph, 'test'),
      'tokenizer.json': tokenizer,
      'tokenizer_config.json': settings,
    };
    server.add('ids', files, { before: [{ step: 'tokenize' }] });
    await server.start();
    expect(outputsOf(await server.infer('ids', [texts('the cat', 'a dog')]))[0]?.shape).toEqual([2, 4]);
    const reply = await server.infer('ids', [texts('the cat', 'the')]);
    expect(reply.body).toContain('element 1 has 3 tokens of 4, and the model takes no attention mask');
    const data = packStrings(['the cat']);
    const binary = await server.inferBinary('ids', { name: 'text', datatype: 'BYTES', shape: [1] }, data);
    expect(outputsOf(binary)[0]?.data).toEqual([2, 4, 5, 3]);
  });
});
