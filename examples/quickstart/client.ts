import { inferPath } from '../../runtime/contract';
import { PIXELS } from './digits';
import type { Digit } from './digits';
import { DIGITS_MODEL, DIGITS_TENSORS } from './train-digits';

/** What the server says about one digit. */
export interface Prediction {
  readonly label: number;
  /** How sure the model is, 0 to 1. */
  readonly probability: number;
}

/** One tensor of an Open Inference Protocol answer. */
interface OutputTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

const BATCH = 60;
const SHOWN = 10;

/** Asks a server of the Open Inference Protocol about digits, {@link BATCH} at a time. */
export async function askDigits(url: string, apiKey: string, digits: readonly Digit[]): Promise<readonly Prediction[]> {
  const predictions: Prediction[] = [];
  for (let start = 0; start < digits.length; start += BATCH) {
    predictions.push(...(await askBatch(url, apiKey, digits.slice(start, start + BATCH))));
  }
  return predictions;
}

async function askBatch(url: string, apiKey: string, digits: readonly Digit[]): Promise<readonly Prediction[]> {
  const input = {
    name: DIGITS_TENSORS.input,
    datatype: 'FP32',
    shape: [digits.length, PIXELS],
    data: digits.flatMap(({ pixels }) => pixels),
  };
  const response = await fetch(url + inferPath(DIGITS_MODEL.name), {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${apiKey}` },
    body: JSON.stringify({ inputs: [input] }),
  });
  if (!response.ok) throw new Error(`the server answered ${response.status}: ${await response.text()}`);
  const { outputs } = (await response.json()) as { readonly outputs: readonly OutputTensor[] };
  const labels = tensor(outputs, DIGITS_TENSORS.label).data;
  const { data, shape } = tensor(outputs, DIGITS_TENSORS.probabilities);
  const classes = shape[1] ?? 0;
  return labels.map((label, index) => ({ label, probability: data[index * classes + label] ?? 0 }));
}

function tensor(outputs: readonly OutputTensor[], name: string): OutputTensor {
  const found = outputs.find((output) => output.name === name);
  if (found === undefined) throw new Error(`the answer holds no output ${name}`);
  return found;
}

/** Prints the first predictions beside the labels, and the share of all that are right; returns that share. */
export function reportPredictions(
  print: (line: string) => void,
  digits: readonly Digit[],
  predictions: readonly Prediction[],
): number {
  const right = predictions.filter(({ label }, index) => label === digits[index]?.label).length;
  const accuracy = right / digits.length;
  for (const [index, { label, probability }] of predictions.slice(0, SHOWN).entries()) {
    print(`  predicted ${label} (${(100 * probability).toFixed(1).padStart(5)} %), label ${digits[index]?.label}`);
  }
  print(`accuracy: ${(100 * accuracy).toFixed(1)} % of ${digits.length} held-out digits`);
  return accuracy;
}
