import fs from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';

/** The model of the quickstart, as the store names it. */
export const DIGITS_MODEL = { name: 'digits', version: '3' } as const;

/** Name and width of its input, names of its outputs. */
export const DIGITS_TENSORS = { input: 'pixels', label: 'label', probabilities: 'probabilities' } as const;

/** Pixels of one image: 8 rows of 8. */
export const PIXELS = 64;

/** Kinds of digits. */
export const CLASSES = 10;

/** Largest value of a pixel in the file. */
const WHITE = 16;

/** Every fifth digit is held out: never trained on, only predicted. */
const HELD_OUT_EVERY = 5;

/** One hand-written digit. */
export interface Digit {
  /** Brightness of each pixel from 0 to 1, row by row. */
  readonly pixels: readonly number[];
  /** What it shows, 0 to 9. */
  readonly label: number;
}

/** The digits, split for good into what a model learns from and what it is judged by. */
export interface DigitSplit {
  readonly train: readonly Digit[];
  readonly heldOut: readonly Digit[];
}

function parseLine(line: string): Digit {
  const values = line.split(',').map(Number);
  const label = values.pop();
  if (label === undefined || values.length !== PIXELS) throw new Error(`not a digit: ${line.slice(0, 40)}`);
  return { pixels: values.map((value) => value / WHITE), label };
}

/** Reads the digits of `data/digits.csv.gz`, or of another file of the same form. */
export function loadDigits(file: string = path.join(__dirname, 'data', 'digits.csv.gz')): DigitSplit {
  const lines = gunzipSync(fs.readFileSync(file)).toString('utf8').trim().split('\n');
  const digits = lines.map(parseLine);
  return {
    train: digits.filter((_digit, index) => index % HELD_OUT_EVERY !== 0),
    heldOut: digits.filter((_digit, index) => index % HELD_OUT_EVERY === 0),
  };
}
