import * as library from 'graphql';
import { describe, expect, it } from 'vitest';
import type { FieldContext, GraphQlDeps } from '../../../../runtime/inference/graphql/context';
import { jsonParts } from '../../../../runtime/inference/graphql/scalars';
import { schemaOf } from '../../../../runtime/inference/graphql/schema-of';
import { OpenAiWork } from '../../../../runtime/inference/routes/openai-work';
import type { AnswerPiece } from '../../../../runtime/inference/text/completer';
import type { EmbeddingCall } from '../../../../runtime/inference/text/embedder';
import type { TextCall, TextDirectory } from '../../../../runtime/inference/text/directory';
import type { TextModel } from '../../../../runtime/inference/text/model';
import type { Attempt } from '../../../../runtime/shared/access-control';
import { Canceller } from '../../../../runtime/shared/cancellation';
import { forbidden, tooBusy } from '../../../../runtime/shared/errors';
import type { Principal } from '../../../../runtime/shared/api-keys';

const MODEL = { name: 'demo', version: '7' };
const CALLER: Principal = { id: 'ann', method: 'api-key', scopes: new Set(['infer']), limits: {} };
const QUERY = '{ completions(model: "demo:7", prompt: {tokens: [1]}) { choices { text finishReason } } }';
const EMBED = '{ embeddings(model: "demo", input: {text: "a"}) { data { embedding raw } } }';

const piece = (text: string, finish?: 'stop'): AnswerPiece => ({ text, steps: [], finish });

/** A schema over one model that speaks until it is told to stop, and what its fields ask and tell. */
class Stage {
  readonly signal = new Canceller();
  readonly calls: TextCall[] = [];
  readonly callers: (string | undefined)[] = [];
  readonly attempts: Attempt[] = [];
  readonly observed: object[] = [];
  readonly audited: object[] = [];
  /** Whether the model has heard that its client left. */
  stopped = false;
  taken = 0;
  /** Places that admission has. */
  places = 1;
  /** A model that the caller may not use. */
  forbiddenModel: string | undefined;
  vectors: readonly Float32Array[] = [];

  private readonly text = {
    model: MODEL,
    completer: {
      prompt: async (ids: readonly number[]) => ids,
      begin: (_ids: readonly number[], _options: object, { signal }: { signal: AbortSignal }) => this.speak(signal),
      tokenTexts: async () => [],
    },
    embedder: {
      embed: async (_inputs: unknown, { caller }: EmbeddingCall) => {
        this.callers.push(caller);
        return { vectors: this.vectors, tokens: 1 };
      },
    },
  } as unknown as TextModel;

  private async *speak(signal: AbortSignal): AsyncGenerator<AnswerPiece, void> {
    yield piece('the ');
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
    this.stopped = true;
  }

  private readonly directory: TextDirectory = {
    list: () => [MODEL.name],
    has: (id) => id === MODEL.name,
    use: (_id, call, work) => {
      this.calls.push(call);
      return work(this.text);
    },
  };

  private enter(): () => void {
    if (this.taken >= this.places) throw tooBusy(this.places);
    this.taken += 1;
    return () => (this.taken -= 1);
  }

  private readonly deps = {
    openai: new OpenAiWork(this.directory, () => 5_000),
    access: {
      permit: (_principal: unknown, attempt: Attempt) => {
        this.attempts.push(attempt);
        if (attempt.model !== undefined && attempt.model === this.forbiddenModel) throw forbidden('infer');
      },
      shows: (_principal: unknown, { model }: Attempt) => model !== this.forbiddenModel,
      judge: () => undefined,
    },
    limiter: { enter: () => () => undefined },
    admission: { enter: () => this.enter() },
    observed: ({ seconds: _seconds, ...call }: { seconds: number }) => void this.observed.push(call),
    audit: { record: (entry: object) => void this.audited.push(entry) },
    ...{ models: {}, health: {} },
  } as unknown as GraphQlDeps;

  private readonly context: FieldContext = {
    ...{ principal: CALLER, address: '127.0.0.1', request: 'r1', trace: null, signal: this.signal, asked: 0 },
    attribute: (name) => (name === 'x-tier' ? 'gold' : undefined),
  };

  async ask(query: string): Promise<library.ExecutionResult> {
    const document = library.parse(query);
    return library.execute({ schema: schemaOf(library, this.deps), document, contextValue: this.context });
  }
}

describe('a field that answers with text', () => {
  it('stops the model, gives its place back and says so everywhere when its client leaves', async () => {
    const stage = new Stage();
    const answer = stage.ask(QUERY);
    await expect.poll(() => stage.calls.length).toBe(1);
    expect([stage.taken, stage.stopped]).toEqual([1, false]);
    stage.signal.abort();
    await answer;
    expect([stage.taken, stage.stopped]).toEqual([0, true]);
    expect(stage.observed).toEqual([{ model: 'demo', version: '7', status: 499, error: undefined }]);
    expect(stage.audited).toEqual([
      expect.objectContaining({
        ...{ operation: 'OpenAiCompletions', transport: 'graphql', model: 'demo', version: '7' },
        ...{ caller: 'api-key ann', outcome: 'client left', request: 'r1' },
      }),
    ]);
  });

  it('tells whoever chooses the version who asks, and with which headers', async () => {
    const stage = new Stage();
    await stage.ask(EMBED);
    const [call] = stage.calls;
    expect([call?.caller, call?.attribute?.('x-tier'), call?.signal.aborted]).toEqual([CALLER, 'gold', false]);
    expect(stage.callers).toEqual(['api-key ann']);
  });

  it('asks for its permission before all, and for the model once the request has said it', async () => {
    const stage = new Stage();
    stage.forbiddenModel = 'demo';
    const { errors } = await stage.ask(QUERY);
    expect(errors?.[0]?.originalError).toMatchObject({ code: 'LNMT8002', status: 403 });
    const row = { operation: 'OpenAiCompletions', access: 'infer' };
    expect(stage.attempts).toEqual([row, { ...row, model: 'demo', version: '7' }]);
    expect([stage.calls, stage.taken]).toEqual([[], 0]);
    // As for REST, whose path names no model either.
    expect(stage.observed).toEqual([{ status: 403, error: 'LNMT8002' }]);
    expect(stage.audited).toEqual([expect.objectContaining({ model: 'demo', version: '7', outcome: '403' })]);
  });

  it('takes a place in admission, also before its request is read', async () => {
    const stage = new Stage();
    stage.places = 0;
    const { errors } = await stage.ask(QUERY.replace('[1]', '[]'));
    expect(errors?.[0]?.originalError).toMatchObject({ code: 'LNMT8003', status: 429, retryAfter: 1 });
  });

  it('writes null for an element that is no number, as REST does, and its bytes as they are', async () => {
    const stage = new Stage();
    const vector = Float32Array.of(0.5, Number.NaN, Infinity);
    stage.vectors = [vector];
    const { data, errors } = await stage.ask(EMBED);
    expect(errors).toBeUndefined();
    const raw = Buffer.from(vector.buffer).toString('base64');
    const written = [...jsonParts(data)].join('');
    expect(JSON.parse(written)).toEqual({ embeddings: { data: [{ embedding: [0.5, null, null], raw }] } });
    expect(JSON.stringify(Array.from(vector))).toBe('[0.5,null,null]');
  });

  it('writes its vectors one by one once all is answered, so that others are answered in between', async () => {
    const stage = new Stage();
    stage.vectors = Array.from({ length: 2048 }, (_, index) => Float32Array.of(index));
    const { data } = await stage.ask(EMBED);
    // What is not written yet is read when it is: nothing was made of it before.
    stage.vectors.forEach((vector) => vector.fill(7));
    const parts = [...jsonParts(data)];
    expect(parts.filter((part) => String(part) === '[7]')).toHaveLength(2048);
  });

  it('is refused a bias that is named twice before anybody is asked', async () => {
    const stage = new Stage();
    const { errors } = await stage.ask(
      QUERY.replace(') {', ', logitBias: [{token: 1, bias: 1}, {token: 1, bias: 2}]) {'),
    );
    expect(errors?.[0]?.message).toBe('logitBias: names a token twice');
    expect(stage.calls).toEqual([]);
  });
});
