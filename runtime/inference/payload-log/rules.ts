/** What becomes of the values of a tensor. */
export type Treatment = 'keep' | 'hash' | 'drop';

/** What the settings say of the log, by model and tensor. */
export interface PayloadRules {
  /** Share of the requests of a model that is logged, 0 to 1. */
  readonly rateOf: (model: string) => number;
  /** What becomes of a tensor. @param isText whether its elements are bytes */
  readonly treatmentOf: (model: string, tensor: string, isText: boolean) => Treatment;
}

const ANY = '*';
const TREATMENTS: readonly string[] = ['keep', 'hash', 'drop'];
const RATE = /^(0(\.\d{1,6})?|1(\.0{1,6})?)$/;
/** Most entries of one list. */
const MOST = 1_000;

interface Parsed<T> {
  readonly values: ReadonlyMap<string, T>;
  readonly problems: readonly string[];
}

function parse<T>(list: readonly string[], read: (text: string) => T | undefined, form: string): Parsed<T> {
  if (list.length > MOST) return { values: new Map(), problems: [`has more than ${MOST} entries`] };
  const values = new Map<string, T>();
  const problems: string[] = [];
  for (const entry of list) {
    const at = entry.lastIndexOf('=');
    const [key, value] = [entry.slice(0, at), read(entry.slice(at + 1))];
    if (at < 1 || value === undefined) problems.push(`has ${JSON.stringify(entry)}, which is not ${form}`);
    else if (values.has(key)) problems.push(`says ${JSON.stringify(key)} twice`);
    else values.set(key, value);
  }
  return { values, problems };
}

const isTreatment = (text: string): text is Treatment => TREATMENTS.includes(text);

const parseRates = (list: readonly string[]): Parsed<number> =>
  parse(list, (text) => (RATE.test(text) ? Number(text) : undefined), 'MODEL=RATE with a rate from 0 to 1');

const parseTreatments = (list: readonly string[]): Parsed<Treatment> =>
  parse(list, (text) => (isTreatment(text) ? text : undefined), '[MODEL/]NAME=keep, hash or drop');

/** What is wrong with the lists; one clause for each fault. */
export function ruleProblems(lists: { readonly rates: readonly string[]; readonly tensors: readonly string[] }): {
  readonly rates: readonly string[];
  readonly tensors: readonly string[];
} {
  return { rates: parseRates(lists.rates).problems, tensors: parseTreatments(lists.tensors).problems };
}

/** The rules of lists that are free of faults. */
export function readRules(lists: {
  readonly rates: readonly string[];
  readonly tensors: readonly string[];
}): PayloadRules {
  const rates = parseRates(lists.rates).values;
  const tensors = parseTreatments(lists.tensors).values;
  return {
    rateOf: (model) => rates.get(model) ?? rates.get(ANY) ?? 0,
    treatmentOf: (model, tensor, isText) => {
      const named = tensors.get(`${model}/${tensor}`) ?? tensors.get(tensor);
      if (named !== undefined) return named;
      const general = tensors.get(`${model}/${ANY}`) ?? tensors.get(ANY);
      // A rule for every name is meant for numbers: text stands in clear only where it is named.
      if (isText) return general === undefined || general === 'keep' ? 'hash' : general;
      return general ?? 'keep';
    },
  };
}
