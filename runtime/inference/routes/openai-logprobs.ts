import type { GenerationStep, TokenLogprobs } from '../generation/protocol';
import type { Completer } from '../text/completer';

interface TokenText {
  readonly token: string;
  readonly logprob: number;
}

interface TokenRow extends TokenText {
  readonly top: readonly TokenText[];
}

interface Telling {
  readonly token: number;
  readonly logprobs: TokenLogprobs;
}

/** Less than any probability that JSON could carry. */
const LEAST = -9999;

const told = (logprob: number): number => (Number.isFinite(logprob) ? logprob : LEAST);

/** Stands for bytes that are no character: which ones they are, the text does not say. */
const UNKNOWN = '\uFFFD';

const withBytes = ({ token, logprob }: TokenText): object => ({
  ...{ token, logprob },
  bytes: token.includes(UNKNOWN) ? null : [...Buffer.from(token)],
});

/** The likeliest tokens and the chosen one, by their texts; of those that share one, the likeliest. */
function byText({ top, ...chosen }: TokenRow): object {
  const logprobs = new Map<string, number>();
  for (const { token, logprob } of [...top, chosen]) {
    if (logprob > (logprobs.get(token) ?? Number.NEGATIVE_INFINITY)) logprobs.set(token, logprob);
  }
  return Object.fromEntries(logprobs);
}

/** Writes the probabilities of the tokens of an answer, in the form of chats or of completions. */
export class LogprobWriter {
  private readonly rows: TokenRow[] = [];
  private offset = 0;
  private began = false;

  /** @param keeps whether all of them are asked for at the end; those of a stream are not, and would outweigh its text */
  constructor(
    private readonly completer: Pick<Completer, 'tokenTexts'>,
    private readonly form: 'chat' | 'completion',
    private readonly keeps: boolean,
  ) {}

  /** Takes steps and gives their probabilities; null when none are told. */
  async take(steps: readonly GenerationStep[]): Promise<object | null> {
    const rows = await this.rowsOf(steps);
    if (this.keeps) this.rows.push(...rows);
    return this.written(rows);
  }

  /** The probabilities of all steps. */
  all(): object | null {
    this.offset = 0;
    return this.written(this.rows);
  }

  private async rowsOf(steps: readonly GenerationStep[]): Promise<TokenRow[]> {
    const telling = steps.flatMap(({ token, logprobs }): Telling[] =>
      token === undefined || logprobs === undefined ? [] : [{ token, logprobs }],
    );
    const idsOf = ({ token, logprobs }: Telling): number[] => [token, ...logprobs.top.map(([id]) => id)];
    // A message is a text of its own, and its first token begins it; a completion goes on from its prompt.
    const [first] = this.form === 'chat' && !this.began ? telling : [];
    this.began ||= telling.length > 0;
    const begin = first === undefined ? 0 : idsOf(first).length;
    const texts = [...(await this.completer.tokenTexts(telling.flatMap(idsOf), begin))];
    return telling.map(({ logprobs }) => {
      const [token = '', ...others] = texts.splice(0, 1 + logprobs.top.length);
      const top = logprobs.top.map(([, logprob], index) => ({ token: others[index] ?? '', logprob: told(logprob) }));
      return { token, logprob: told(logprobs.chosen), top };
    });
  }

  private written(rows: readonly TokenRow[]): object | null {
    if (rows.length === 0) return null;
    if (this.form === 'chat') {
      return {
        content: rows.map((row) => ({ ...withBytes(row), top_logprobs: row.top.map(withBytes) })),
        refusal: null,
      };
    }
    return {
      tokens: rows.map(({ token }) => token),
      token_logprobs: rows.map(({ logprob }) => logprob),
      top_logprobs: rows.map(byText),
      text_offset: rows.map(({ token }) => {
        this.offset += token.length;
        return this.offset - token.length;
      }),
    };
  }
}
