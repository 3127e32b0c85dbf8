import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { HeldTexts } from '../../../../runtime/inference/payload-log/held-texts';
import { writeRecord } from '../../../../runtime/inference/payload-log/record';
import type { Exchange } from '../../../../runtime/inference/payload-log/record';
import { readRules } from '../../../../runtime/inference/payload-log/rules';
import { textNotes, textsTensor } from '../../../../runtime/inference/payload-log/text-note';
import type { TextNote, TextRequest } from '../../../../runtime/inference/payload-log/text-note';
import { AnswerWriter } from '../../../../runtime/inference/routes/openai-answers';
import type { AnswerPiece, Completer } from '../../../../runtime/inference/text/completer';
import { cacheFull } from '../../../../runtime/inference/text/errors';
import { unknownModel } from '../../../../runtime/inference/errors';
import { unpackStrings } from '../../../../runtime/inference/tensors/bytes';
import type { PayloadLog } from '../../../../runtime/inference/payload-log/payload-log';
import { Canceller } from '../../../../runtime/shared/cancellation';

const KEY = Buffer.from('0123456789abcdef');

/** A log that keeps what it is given. */
class KeptLog {
  readonly exchanges: Exchange[] = [];
  rate = 1;

  constructor(readonly recordBytes = 65_536) {}

  samples(): boolean {
    return this.rate > 0;
  }

  record(exchange: Exchange | (() => Exchange)): void {
    this.exchanges.push(typeof exchange === 'function' ? exchange() : exchange);
  }

  begin(asked: TextRequest): TextNote | undefined {
    return textNotes(this as unknown as PayloadLog)(asked);
  }

  lines(tensors: readonly string[] = []): unknown[] {
    const rules = readRules({ rates: ['*=1'], tensors });
    const written = this.exchanges.map((each) => writeRecord(each, { rules, key: KEY, maxBytes: this.recordBytes }));
    return written.map((line) => JSON.parse(line ?? 'null') as unknown);
  }
}

const asked = (more: Partial<TextRequest> = {}): TextRequest => ({
  ...{ operation: 'OpenAiCompletions', request: 'r', trace: undefined, caller: undefined },
  ...{ model: 'm', version: undefined, served: () => ({ name: 'm', version: '3' }) },
  ...{ inputs: () => textsTensor('prompt', ['a secret']), signal: new Canceller() },
  ...more,
});

/** Bytes of memory that one text has after some work, which begins anew where it grows. */
function roomAfter(before: number | undefined, work: () => void): number {
  const made = vi.spyOn(Buffer, 'allocUnsafeSlow');
  work();
  const sizes = made.mock.calls.map(([size]) => size);
  made.mockRestore();
  return sizes.reduce((most, size) => Math.max(most, size), before ?? 0);
}

describe('texts that are held while they grow', () => {
  it('are those that came, and take no more memory than they may (seed 3)', () => {
    const piece = fc.record({ index: fc.nat(2), text: fc.string({ unit: 'grapheme', maxLength: 40 }) });
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 80 }), fc.integer({ min: 0, max: 1_500 }), (pieces, most) => {
        const held = new HeldTexts(3, most);
        const whole = ['', '', ''];
        const rooms = [0, 0, 0];
        for (const { index, text } of pieces) {
          rooms[index] = roomAfter(rooms[index], () => held.add(index, text));
          whole[index] += text;
          expect(rooms.reduce((sum, room) => sum + room)).toBeLessThanOrEqual(2 * most);
        }
        const { truncated = false, data, shape } = held.tensor('completion');
        expect([truncated, shape]).toEqual([Buffer.byteLength(whole.join('')) > most, [3]]);
        expect(unpackStrings(data)).toEqual(truncated ? [] : whole);
      }),
      { seed: 3, numRuns: 300 },
    );
  });

  it('never take more than they may where there is one, however many pieces it comes in', () => {
    const held = new HeldTexts(1, 65_536);
    const room = roomAfter(0, () => {
      for (let count = 0; count < 1_000_000; count += 1) held.add(0, 'x');
    });
    expect(room).toBe(65_536);
    expect(held.tensor('completion')).toMatchObject({ truncated: true, shape: [1], data: new Uint8Array(0) });
  });
});

describe('a note of a request with text', () => {
  it('is not made of what the sample leaves out', () => {
    const log = new KeptLog();
    log.rate = 0;
    expect(log.begin(asked())).toBeUndefined();
  });

  it('becomes one record with hashes of texts, tokens and the reasons to end', async () => {
    const log = new KeptLog();
    const note = log.begin(asked());
    note?.read([4, 3]);
    for (const [index, text, finish] of [[0, 'the ', undefined] as const, [1, 'dog', 'length'] as const]) {
      note?.sent(index, text, finish);
    }
    note?.sent(0, 'cat', 'stop');
    note?.generated(7);
    expect(await note?.follow(Promise.resolve('answer'))).toBe('answer');
    const hash = expect.stringMatching(/^[0-9a-f]{32}$/) as string;
    const record = {
      ...{ request: 'r', model: 'm', version: '3', outcome: 'ok', operation: 'OpenAiCompletions' },
      ...{ tokens: { prompt: 7, completion: 7 }, finish: ['stop', 'length'] },
    };
    expect(log.lines()).toMatchObject([
      {
        ...record,
        inputs: [{ name: 'prompt', datatype: 'BYTES', shape: [1], hash }],
        outputs: [{ name: 'completion', datatype: 'BYTES', shape: [2], hash }],
      },
    ]);
    expect(JSON.stringify(log.lines())).not.toMatch(/secret|cat|dog/);
    expect(log.lines(['prompt=keep', 'm/completion=keep'])).toMatchObject([
      { inputs: [{ data: ['a secret'] }], outputs: [{ data: ['the cat', 'dog'] }] },
    ]);
    expect(JSON.stringify(log.lines(['*=drop']))).not.toMatch(/secret|cat|dog|hash/);
  });

  it('keeps lists of tokens from standing in clear, for anyone can turn them into text', async () => {
    const log = new KeptLog();
    await log.begin(asked({ inputs: () => textsTensor('prompt', ['a', [71, 72]]) }))?.follow(Promise.resolve());
    expect(JSON.stringify(log.lines())).not.toContain('71');
    expect(log.lines(['prompt=keep'])).toMatchObject([{ inputs: [{ shape: [2], data: ['a', '[71,72]'] }] }]);
  });

  it('has vectors as numbers, unless a rule says otherwise', async () => {
    const log = new KeptLog();
    const note = log.begin(asked());
    note?.embedded([Float32Array.of(1, 0.5), Float32Array.of(0, -1)], 9);
    await note?.follow(Promise.resolve());
    const [record] = log.lines();
    expect(record).toMatchObject({
      tokens: { prompt: 9 },
      outputs: [{ name: 'embedding', datatype: 'FP32', shape: [2, 2], data: [1, 0.5, 0, -1] }],
    });
    expect(record).not.toHaveProperty('finish');
    expect(log.lines(['embedding=drop'])).not.toHaveProperty('[0].outputs[0].data');
  });

  it('says how it failed: before an answer, in the middle of one, or because its client left', async () => {
    const log = new KeptLog();
    await expect(log.begin(asked())?.follow(Promise.reject(cacheFull()))).rejects.toThrow('cache');
    await expect(log.begin(asked())?.follow(Promise.reject(new Error('a path')))).rejects.toThrow('a path');
    const broken = log.begin(asked());
    broken?.read([1]);
    broken?.sent(0, 'the', undefined);
    await expect(broken?.follow(Promise.reject(cacheFull()))).rejects.toThrow('cache');
    const signal = new Canceller();
    const left = log.begin(asked({ signal }));
    signal.abort();
    await left?.follow(Promise.resolve());
    expect(log.lines()).toMatchObject([
      { outcome: 'LNMT8246', tokens: {}, inputs: [{ name: 'prompt' }], outputs: [] },
      { outcome: 'failed', outputs: [] },
      { outcome: 'LNMT8246', finish: [null], outputs: [{ name: 'completion' }] },
      { outcome: 'LNMT8207', outputs: [] },
    ]);
    expect(JSON.stringify(log.lines())).not.toContain('a path');
  });

  it('has nothing of a whole answer whose client left: none of it was sent', async () => {
    const [log, signal] = [new KeptLog(), new Canceller()];
    const note = log.begin(asked({ signal }));
    note?.read([2]);
    const begin = async function* (): AsyncGenerator<AnswerPiece, void> {
      yield { text: 'the', steps: [{ token: 1 }], finish: undefined };
      signal.abort();
    };
    const sampling = { temperature: 0, topP: 1, topK: 0, seed: 0, frequencyPenalty: 0, presencePenalty: 0, bias: [] };
    const options = { sampling, maxTokens: 9, stops: [], logprobs: undefined, continues: true };
    const writer = new AnswerWriter({
      completer: { begin, tokenTexts: async () => [] } as unknown as Completer,
      ...{ prompts: [[1, 2]], asker: { signal }, created: 0, note },
      request: { model: 'm', options, stream: false, includeUsage: false },
      form: {
        ...{ idPrefix: 'x', objects: { whole: 'x', event: 'x' }, logprobs: 'completion' },
        ...{ whole: (text) => ({ text }), part: (text) => ({ text }) },
      },
    });
    await note?.follow(writer.whole(writer.begin()));
    expect(log.lines()).toMatchObject([{ outcome: 'LNMT8207', tokens: { prompt: 2, completion: 1 }, outputs: [] }]);
  });

  it('is not made of a model that is not served: its name is what a client invented', async () => {
    const log = new KeptLog();
    await expect(
      log.begin(asked({ model: 'x'.repeat(1e6) }))?.follow(Promise.reject(unknownModel())),
    ).rejects.toThrow();
    expect(log.exchanges).toEqual([]);
  });

  it('has neither value nor hash of an answer that is longer than a record may be', async () => {
    for (const rules of [['completion=keep'], ['completion=hash']]) {
      const log = new KeptLog(1_024);
      const note = log.begin(asked());
      note?.read([1]);
      for (let count = 0; count < 500; count += 1) note?.sent(0, 'é"\n', undefined);
      await note?.follow(Promise.resolve());
      const [record] = log.lines(rules) as [{ outputs: object[] }];
      expect(record.outputs).toEqual([{ name: 'completion', datatype: 'BYTES', shape: [1], truncated: true }]);
      expect(Buffer.byteLength(JSON.stringify(record))).toBeLessThanOrEqual(1_024);
    }
  });
});
