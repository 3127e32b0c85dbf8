import { createHmac } from 'node:crypto';
import type { Principal } from '../../shared/api-keys';
import { RequestError } from '../../shared/errors';
import { elementsText } from '../tensors/text';
import type { Tensor } from '../tensors/tensor';
import type { PayloadRules } from './rules';

/** A tensor as it was noted. */
export interface NotedTensor extends Tensor {
  /** True where its values were not held, because no record could have them. @default false */
  readonly truncated?: boolean;
}

/** What there is to say of a request that carries text beside its texts. */
export interface TextFacts {
  /** Id of the operation. */
  readonly operation: string;
  /** Tokens of all prompts and of all answers; absent where it did not come so far. */
  readonly tokens: { readonly prompt?: number | undefined; readonly completion?: number | undefined };
  /** Why each answer ended; null for one that was cut. Absent where there are none. */
  readonly finish?: readonly (string | null)[] | undefined;
}

/** A request and what became of it. */
export interface Exchange {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly ms: number;
  readonly request: string | undefined;
  readonly trace: string | undefined;
  readonly model: string;
  readonly version: string | undefined;
  readonly caller: Principal | undefined;
  /** `ok`, or the code of the error. */
  readonly outcome: string;
  readonly inputs: readonly NotedTensor[];
  readonly outputs: readonly NotedTensor[];
  /** @default - a request of tensors */
  readonly text?: TextFacts | undefined;
}

/** How records are written. */
export interface RecordOptions {
  readonly rules: PayloadRules;
  /** Key of pseudonyms and hashes. */
  readonly key: Buffer;
  /** Most bytes of a record, its end of line included. */
  readonly maxBytes: number;
}

/** Hexadecimal digits of a pseudonym: 128 bits. */
const DIGITS = 32;
/** Characters of texts that clients choose. */
const MOST_ID = 128;

/** A name that nobody can turn back without the key. @param kind keeps equal texts of different kinds apart */
function pseudonym(key: Buffer, kind: 'caller' | 'tensor', content: string | Uint8Array): string {
  return createHmac('sha256', key).update(`${kind}\0`).update(content).digest('hex').slice(0, DIGITS);
}

/** What became of a request that failed: the code of its error. */
export const outcomeOf = (error: unknown): string => (error instanceof RequestError ? error.code : 'failed');

interface WrittenTensor {
  readonly head: string;
  readonly values: string | undefined;
}

const headOf = ({ name, datatype, shape }: Tensor, more = ''): string =>
  `{"name":${JSON.stringify(name)},"datatype":"${datatype}","shape":[${shape.join(',')}]${more}`;

/** Bytes of values that a tensor of so many bytes has at least when it is written. */
const leastText = ({ data, datatype }: Tensor): number => (datatype === 'BYTES' ? data.length / 8 : data.length / 4);

function written(tensor: NotedTensor, model: string, { rules, key, maxBytes }: RecordOptions): WrittenTensor {
  const treatment = rules.treatmentOf(model, tensor.name, tensor.datatype === 'BYTES');
  if (treatment === 'drop') return { head: headOf(tensor), values: undefined };
  if (tensor.truncated) return { head: headOf(tensor, ',"truncated":true'), values: undefined };
  if (treatment === 'hash') {
    const hash = pseudonym(key, 'tensor', tensor.data);
    return { head: headOf(tensor, `,"hash":"${hash}"`), values: undefined };
  }
  // What cannot fit is not written first and measured then: it may be a hundred times the bound.
  if (leastText(tensor) > maxBytes) return { head: headOf(tensor, ',"truncated":true'), values: undefined };
  return { head: headOf(tensor), values: elementsText(tensor) };
}

/**
 * One exchange as one line. Values are left out from the last tensor on until the line is short enough.
 *
 * @returns undefined where even names and shapes are too long
 */
export function writeRecord(exchange: Exchange, options: RecordOptions): string | undefined {
  const { model, version, caller, outcome, ms, trace } = exchange;
  const head = JSON.stringify({
    time: new Date(exchange.at).toISOString(),
    request: exchange.request?.slice(0, MOST_ID),
    ...{ trace, model, version },
    caller: caller && pseudonym(options.key, 'caller', `${caller.method}:${caller.id}`),
    ...{ outcome, ms: Math.round(ms * 1000) / 1000 },
    ...exchange.text,
  }).slice(0, -1);
  const all = [...exchange.inputs, ...exchange.outputs].map((tensor) => written(tensor, model, options));
  const fixed = Buffer.byteLength(head) + '"inputs":[],"outputs":[]},,\n'.length;
  let bytes = all.reduce((sum, { head: text }) => sum + Buffer.byteLength(text) + ',"truncated":true},'.length, fixed);
  if (bytes > options.maxBytes) return undefined;
  const texts = all.map(({ head: text, values }) => {
    if (values === undefined) return `${text}}`;
    const more = Buffer.byteLength(values) + '"data":'.length;
    if (bytes + more > options.maxBytes) return `${text},"truncated":true}`;
    bytes += more;
    return `${text},"data":${values}}`;
  });
  const [inputs, outputs] = [texts.slice(0, exchange.inputs.length), texts.slice(exchange.inputs.length)];
  return `${head},"inputs":[${inputs.join(',')}],"outputs":[${outputs.join(',')}]}\n`;
}
