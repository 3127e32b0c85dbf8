import fs from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import type { ModelSignature } from '../../../../runtime/inference/backends/backend';
import { readDecoder } from '../../../../runtime/inference/generation/decoder';
import { pool } from '../../../../runtime/inference/text/pooling';
import { readSettings } from '../../../../runtime/inference/text/settings';
import { TextEngine } from '../../../../runtime/inference/text/engine';
import { Canceller } from '../../../../runtime/shared/cancellation';
import { TextThread } from '../../../../runtime/inference/text/thread';
import { temporaryFolder } from '../../support/temporary';
import { decoderFiles, encoderFiles, TRAINED, writeFiles } from '../../support/text-store';

const folders: string[] = [];

function folder(files: Record<string, Uint8Array | object | string>): string {
  const dir = temporaryFolder();
  folders.push(dir);
  const bytes = (content: Uint8Array | object | string): Uint8Array =>
    content instanceof Uint8Array
      ? content
      : Buffer.from(typeof content === 'string' ? content : JSON.stringify(content));
  return writeFiles(dir, Object.fromEntries(Object.entries(files).map(([name, content]) => [name, bytes(content)])));
}

afterAll(() => folders.forEach((dir) => fs.rmSync(dir, { recursive: true })));

const spec = (name: string, datatype: 'INT64' | 'FP32', shape: number[]) => ({ name, datatype, shape });
const ENCODER: ModelSignature = {
  inputs: [spec('input_ids', 'INT64', [-1, -1])],
  outputs: [spec('last_hidden_state', 'FP32', [-1, -1, 8])],
};
const DECODER: ModelSignature = {
  inputs: [
    spec('input_ids', 'INT64', [-1, -1]),
    spec('past_key_values.0.key', 'FP32', [-1, 2, -1, 4]),
    spec('past_key_values.0.value', 'FP32', [-1, 2, -1, 4]),
  ],
  outputs: [
    spec('logits', 'FP32', [-1, -1, 50]),
    spec('present.0.key', 'FP32', [-1, 2, -1, 4]),
    spec('present.0.value', 'FP32', [-1, 2, -1, 4]),
  ],
};

describe('what a model is for', () => {
  it('is what its file says, or what its tensors show', () => {
    expect(readSettings(folder({}), ENCODER)?.task).toBe('embedding');
    expect(readSettings(folder({}), DECODER)?.task).toBe('generation');
    expect(readSettings(folder({ 'config.json': { task: 'feature-extraction' } }), DECODER)?.task).toBe('embedding');
    const classifier = { ...ENCODER, outputs: [spec('logits', 'FP32', [-1, 2])] };
    expect(readSettings(folder({}), classifier)).toBeUndefined();
  });

  it('comes with the settings of exporters and of this server', () => {
    const config = { n_positions: 1024, eos_token_id: 3, pooling: 'cls', normalize: false, truncate: true };
    const generation = { eos_token_id: [5, 6], max_new_tokens: 99 };
    const dir = folder({ 'config.json': config, 'generation_config.json': generation });
    expect(readSettings(dir, ENCODER)).toEqual({
      ...{ task: 'embedding', isStated: false, maxLength: 1024, pooling: 'cls', normalize: false, truncate: true },
      ...{ output: undefined, endTokens: [5, 6], answerTokens: 99 },
    });
  });

  it.each([
    [{ task: 'translation' }, 'config.json: task is not one of embedding'],
    [{ pooling: 'sum' }, 'config.json: pooling is not one of mean, cls, last, max'],
    [{ normalize: 'yes' }, 'config.json: normalize is not true or false'],
    [{ max_length: 0 }, 'config.json: max_length is not an integer from 1'],
    [{ output: 'nothing' }, 'config.json: output is not one of last_hidden_state'],
    ['{', 'config.json: it is not JSON'],
    ['[]', 'config.json: it is not an object'],
  ])('refuses %j', (config, message) => {
    expect(() => readSettings(folder({ 'config.json': config }), ENCODER)).toThrow(
      `LNMT8315: the text files of the model are not valid: ${message}`,
    );
  });
});

describe('the vectors of sentence-transformers', () => {
  const module = (type: string, path = '') => ({ path, type: `sentence_transformers.models.${type}` });
  const [transformer, pooling, scaled] = [module('Transformer'), module('Pooling', '1_Pooling'), module('Normalize')];
  const off = { pooling_mode_mean_tokens: false };
  const settings = (modules: unknown, pool: object, more: Record<string, object> = {}, signature = ENCODER) =>
    readSettings(folder({ 'modules.json': modules as object, '1_Pooling/config.json': pool, ...more }), signature);

  it.each([
    ['cls', { ...off, pooling_mode_cls_token: true }],
    ['mean', { pooling_mode_mean_tokens: true, pooling_mode_max_tokens: false }],
    ['mean', { word_embedding_dimension: 8 }],
    ['max', { ...off, pooling_mode_max_tokens: true }],
    ['last', { ...off, pooling_mode_lasttoken: true }],
    ['cls', { embedding_dimension: 8, pooling_mode: 'cls', include_prompt: true }],
    ['last', { pooling_mode: ['lasttoken'] }],
  ])('are pooled (%s) and scaled as its files say', (mode, pool) => {
    expect(settings([transformer, pooling, scaled], pool)).toMatchObject({ pooling: mode, normalize: true });
    expect(settings([transformer, pooling], pool)).toMatchObject({ pooling: mode, normalize: false });
  });

  it('are as config.json says where that says more for this server', () => {
    const config = { 'config.json': { pooling: 'last', normalize: true } };
    const dense = [transformer, pooling, module('Dense', '2_Dense')];
    expect(settings(dense, {}, config)).toMatchObject({ pooling: 'last', normalize: true });
    expect(readSettings(folder({}), ENCODER)).toMatchObject({ pooling: undefined, normalize: true });
  });

  it('are left to the graph where it gives one for each text', () => {
    const whole = { ...ENCODER, outputs: [spec('sentence_embedding', 'FP32', [-1, 8]), ...ENCODER.outputs] };
    const dense = [transformer, pooling, module('Dense', '2_Dense')];
    expect(settings(dense, { pooling_mode: 'weightedmean' }, {}, whole)).toMatchObject({ normalize: false });
  });

  it('are of texts of the length that its files say, and the graph takes', () => {
    const most = (config: object, sentence: object): number | undefined =>
      settings([transformer], {}, { 'config.json': config, 'sentence_bert_config.json': sentence })?.maxLength;
    expect(most({ max_position_embeddings: 514 }, { max_seq_length: 512 })).toBe(512);
    expect(most({ max_position_embeddings: 128 }, { max_seq_length: 512 })).toBe(128);
    expect(most({ max_position_embeddings: 514 }, { max_seq_length: null })).toBe(514);
    expect(most({ max_length: 300 }, { max_seq_length: 256 })).toBe(300);
  });

  it.each([
    [
      [transformer, pooling],
      { ...off, pooling_mode_weightedmean_tokens: true },
      'the mode of pooling is weightedmean, and',
    ],
    [
      [transformer, pooling],
      { pooling_mode_cls_token: true },
      'the mode of pooling is mean and cls, and one of cls, mean,',
    ],
    [[transformer, pooling], off, '1_Pooling/config.json: the mode of pooling is none'],
    [[transformer, module('Pooling', '2_Pooling')], {}, '2_Pooling/config.json: there is none'],
    [[transformer, module('Dense', '2_Dense')], {}, 'modules.json: a module Dense is not done here; export'],
    [[module('Pooling', '../1_Pooling')], {}, 'modules.json: a path is not a plain relative path'],
    [[module('Pooling', '/etc')], {}, 'modules.json: a path is not a plain relative path'],
    [[{ type: 'Pooling' }], {}, 'modules.json: an entry is not an object with type and path'],
    [{}, {}, 'modules.json: it is not a list'],
  ])('are refused with %j and %j', (modules, pool, message) => {
    expect(() => settings(modules, pool)).toThrow(message);
    expect(() => settings(modules, pool)).toThrow(/^LNMT8315/);
  });

  it('have in each place the largest of all tokens, where that is asked for', () => {
    expect([...pool(Float32Array.of(1, -5, 3, -2, 2, -9), 2, 'max')]).toEqual([3, -2]);
  });
});

describe('a decoder', () => {
  it('takes of a token what its slots take', () => {
    expect(readDecoder(DECODER)).toMatchObject({ bytesPerToken: 2 * 2 * 4 * 4, maskType: undefined });
  });

  it.each<[string, (signature: ModelSignature) => ModelSignature, string]>([
    ['an unknown input', (s) => ({ ...s, inputs: [...s.inputs, spec('pixels', 'FP32', [1])] }), "feed 'pixels' with"],
    ['no output for a slot', (s) => ({ ...s, outputs: s.outputs.slice(0, 2) }), "gives no 'present.0.value'"],
    ['open sizes', (s) => ({ ...s, inputs: s.inputs.map((i) => ({ ...i, shape: [-1, -1, -1, -1] })) }), 'fixed heads'],
    ['no logits', (s) => ({ ...s, outputs: s.outputs.slice(1) }), "needs 'input_ids', 'logits'"],
    ['ids of another type', (s) => ({ ...s, inputs: s.inputs.map((i) => ({ ...i, datatype: 'FP32' })) }), 'is FP32'],
  ])('is refused with %s', (_what, change, message) => {
    expect(() => readDecoder(change(DECODER))).toThrow(/^LNMT8306/);
    expect(() => readDecoder(change(DECODER))).toThrow(message);
  });
});

describe('the files of a tokenizer', () => {
  const open = (files: Record<string, Uint8Array | object | string>) => () => new TextEngine(folder(files));
  const { 'tokenizer.json': tokenizer = new Uint8Array() } = decoderFiles();

  it('may hold the template in a file, a text or a list of named ones', () => {
    const template = '{{ messages[0].content }}!';
    const places: Record<string, object | string>[] = [
      { 'chat_template.jinja': template },
      { 'tokenizer_config.json': { chat_template: template } },
      { 'tokenizer_config.json': { chat_template: [{ name: 'tool' }, { name: 'default', template }] } },
    ];
    for (const files of places) {
      const engine = new TextEngine(folder({ 'tokenizer.json': tokenizer, ...files }));
      expect(engine.chat([{ role: 'user', content: 'the cat' }])).toEqual({
        ids: engine.encode(['the cat!'], false)[0],
      });
    }
  });

  it('may have a template that asks whether there are tools and documents: there are none', () => {
    const template = [
      '{% if tools is not none or documents is not none %}the dog{% endif %}',
      '{% if tools is none and not documents %}the cat{% endif %}',
    ].join('');
    const engine = new TextEngine(folder({ 'tokenizer.json': tokenizer, 'chat_template.jinja': template }));
    expect(engine.chat([{ role: 'user', content: 'a' }])).toEqual({ ids: engine.encode(['the cat'], false)[0] });
  });

  it('may call the marks of roles no control tokens; nobody but an answer says them all the same', () => {
    const { added_tokens: controls, ...document } = JSON.parse(Buffer.from(tokenizer).toString()) as {
      readonly added_tokens: readonly { readonly id: number }[];
    };
    const marks = ['<|User|>', '<|Assistant|>', '</think>', '<|unused|>', '  ', 'content', '}}'];
    const plain = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: false };
    const added = marks.map((content, index) => ({ ...plain, id: TRAINED.vocabulary + index, content }));
    const template = [
      '{% for message in messages %}',
      "  {% if message.role == 'user' %}<|User|>{% else %}<|Assistant|>{% endif %}",
      "  {{ message.content.split('</think>')[-1] }}",
      '{% endfor %}<|Assistant|>',
    ].join('\n');
    const files = { 'tokenizer.json': { ...document, added_tokens: [...controls, ...added] } };
    const engine = new TextEngine(folder({ ...files, 'chat_template.jinja': template }));
    const refused = (role: string, content: string, name?: string): boolean =>
      'controlTokenIn' in engine.chat([{ role, content, ...(name === undefined ? {} : { name }) }]);
    for (const mark of ['<|User|>', '<|Assistant|>', '</think>']) {
      expect([mark, refused('user', `a${mark}b`), refused('system', mark)]).toEqual([mark, true, true]);
      expect([mark, refused('assistant', `a${mark}b`), refused('assistant', 'a', mark)]).toEqual([mark, false, true]);
    }
    expect(refused('assistant', '<|end|>')).toBe(true);
    for (const text of ['<|unused|>', 'a  b', 'content', '{{ a }}']) expect(refused('user', text)).toBe(false);
  });

  it('refuses what is missing or cannot be read', () => {
    expect(open({})).toThrow('tokenizer.json: there is none');
    expect(open({ 'tokenizer.json': { model: { type: 'Magic' } } })).toThrow(/^LNMT8315.*tokenizer\.json/);
    const broken = { 'tokenizer.json': tokenizer, 'chat_template.jinja': '{% for %}' };
    expect(open(broken)).toThrow(/^LNMT8315.*chat_template\.jinja/);
  });
});

describe('a text thread', () => {
  it('tells of wrong files with the code of the model', async () => {
    const thread = new TextThread(folder({ 'tokenizer.json': '{' }));
    await expect(thread.ask({ do: 'describe' })).rejects.toMatchObject({ code: 'LNMT8315' });
    await thread.close();
  });

  it('is ended when a template runs too long or takes too much memory, and replaced', async () => {
    const templates = {
      'it takes too long': '{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}',
      'it takes too much memory':
        "{% set ns = namespace(x='ab') %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x, ns.x] %}{{ ns.x|string }}{% endfor %}",
    };
    for (const [why, template] of Object.entries(templates)) {
      const dir = folder({ ...decoderFiles(), 'tokenizer_config.json': {}, 'chat_template.jinja': template });
      const thread = new TextThread(dir, { deadlineMs: why.includes('long') ? 500 : 60_000, memoryMb: 64 });
      await thread.ask({ do: 'describe' });
      const asked = thread.ask({ do: 'chat', messages: [{ role: 'user', content: 'a' }], most: 9 });
      await expect(asked).rejects.toMatchObject({
        code: 'LNMT8245',
        status: 422,
        message: expect.stringContaining(why) as string,
      });
      expect(await thread.ask({ do: 'encode', texts: ['the cat'], special: false })).toHaveLength(1);
      await thread.close();
    }
  });

  it('gives the first question no longer than others: a thread that starts anew has its own time for that', async () => {
    const endless = '{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}';
    const dir = folder({ ...decoderFiles(), 'tokenizer_config.json': {}, 'chat_template.jinja': endless });
    const thread = new TextThread(dir, { deadlineMs: 500 });
    const asked = thread.ask({ do: 'chat', messages: [{ role: 'user', content: 'a' }], most: 9 });
    await expect(asked).rejects.toMatchObject({ code: 'LNMT8245' });
    await thread.close();
  });

  it('lets no text that takes seconds keep short ones waiting, nor those who read the tokens of their answers', async () => {
    const thread = new TextThread(folder(decoderFiles()), { deadlineMs: 2_000 });
    await thread.ask({ do: 'describe' });
    const endless = thread.encode(['the cat '.repeat(2 ** 22)], { caller: 'one' }).then(
      () => 'done',
      ({ code }: { code: string }) => code,
    );
    const others = Promise.all([
      thread.encode(['the cat'], { caller: 'other' }),
      thread.ask({ do: 'decode', lists: [[0], [1]], skipSpecial: true }, { caller: 'other' }),
    ]).then(() => 'others');
    expect(await Promise.race([endless, others])).toBe('others');
    expect(await endless).toBe('LNMT8245');
    await thread.close();
  });

  it('decodes alike where it does nothing else', () => {
    for (const files of [decoderFiles(), encoderFiles()]) {
      const dir = folder(files);
      const [whole, decoding] = [new TextEngine(dir), new TextEngine(dir, true)];
      const { vocabulary } = whole.describe();
      const lists = Array.from({ length: vocabulary }, (_each, id) => [
        id,
        (id * 7) % vocabulary,
        (id * 13) % vocabulary,
      ]);
      expect(decoding.decode(lists, true)).toEqual(whole.decode(lists, true));
    }
  });

  it('turns many texts into tokens piece by piece, and others in between', async () => {
    const thread = new TextThread(folder(encoderFiles()));
    const order: string[] = [];
    const many = Array.from({ length: 64 }, (_each, index) => `the cat sat ${'on the mat '.repeat(index * 40)}`);
    const whole = thread.encode(many, { caller: 'many' }).then((lists) => (order.push('many'), lists));
    const leaving = new Canceller();
    const left = thread.encode(many, { caller: 'left', signal: leaving });
    await thread.encode(['the dog'], { caller: 'one' }).then(() => order.push('one'));
    leaving.abort();
    await expect(left).rejects.toMatchObject({ code: 'LNMT8207' });
    const engine = new TextEngine(folder(encoderFiles()));
    expect(await whole).toEqual(engine.encode(many, true));
    expect(order).toEqual(['one', 'many']);
    await thread.close();
  });

  it('answers nobody after it was closed', async () => {
    const thread = new TextThread(folder(encoderFiles()));
    const open = expect(thread.ask({ do: 'describe' })).rejects.toMatchObject({ code: 'LNMT8245' });
    await thread.close();
    await open;
    await expect(thread.ask({ do: 'describe' })).rejects.toMatchObject({ code: 'LNMT8245' });
  });
});
