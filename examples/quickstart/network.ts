import { CLASSES, PIXELS } from './digits';
import type { Digit } from './digits';

/** A network of one hidden layer. Weights are row-major: one row an input. */
export interface Network {
  readonly hidden: number;
  readonly w1: Float64Array;
  readonly b1: Float64Array;
  readonly w2: Float64Array;
  readonly b2: Float64Array;
}

/** How to train. */
export interface TrainingOptions {
  readonly hidden: number;
  readonly epochs: number;
  readonly batch: number;
  readonly learningRate: number;
  readonly seed: number;
}

/** Numbers from 0 to 1, the same for the same seed (Mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function initial(hidden: number, random: () => number): Network {
  const layer = (inputs: number, outputs: number): Float64Array => {
    const bound = Math.sqrt(6 / (inputs + outputs));
    return Float64Array.from({ length: inputs * outputs }, () => (2 * random() - 1) * bound);
  };
  const w1 = layer(PIXELS, hidden);
  const w2 = layer(hidden, CLASSES);
  return { hidden, w1, b1: new Float64Array(hidden), w2, b2: new Float64Array(CLASSES) };
}

/** `bias + inputs × weights`. */
function affine(inputs: ArrayLike<number>, weights: Float64Array, bias: Float64Array): Float64Array {
  const outputs = Float64Array.from(bias);
  const width = bias.length;
  for (let row = 0; row < inputs.length; row++) {
    const input = inputs[row] ?? 0;
    if (input === 0) continue;
    for (let column = 0; column < width; column++) {
      outputs[column] = (outputs[column] ?? 0) + input * (weights[row * width + column] ?? 0);
    }
  }
  return outputs;
}

function softmax(logits: Float64Array): Float64Array {
  const largest = Math.max(...logits);
  const powers = logits.map((logit) => Math.exp(logit - largest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

/** Moves weights and bias against the gradient of one example. */
function descend(
  weights: Float64Array,
  bias: Float64Array,
  inputs: ArrayLike<number>,
  error: Float64Array,
  rate: number,
): void {
  const width = bias.length;
  for (let column = 0; column < width; column++) bias[column] = (bias[column] ?? 0) - rate * (error[column] ?? 0);
  for (let row = 0; row < inputs.length; row++) {
    const step = rate * (inputs[row] ?? 0);
    if (step === 0) continue;
    for (let column = 0; column < width; column++) {
      weights[row * width + column] = (weights[row * width + column] ?? 0) - step * (error[column] ?? 0);
    }
  }
}

interface Errors {
  readonly activity: Float64Array;
  readonly output: Float64Array;
  readonly hidden: Float64Array;
}

/** What each layer got wrong on one example: cross-entropy through softmax, back through the rectifier. */
function errorsOf({ w1, b1, w2, b2 }: Network, { pixels, label }: Digit): Errors {
  const activity = affine(pixels, w1, b1).map((sum) => Math.max(0, sum));
  const output = softmax(affine(activity, w2, b2)).map((chance, index) => chance - (index === label ? 1 : 0));
  const hidden = activity.map((active, row) => {
    if (active === 0) return 0;
    return output.reduce((sum, error, column) => sum + error * (w2[row * CLASSES + column] ?? 0), 0);
  });
  return { activity, output, hidden };
}

function shuffled(digits: readonly Digit[], random: () => number): Digit[] {
  return digits
    .map((digit) => ({ digit, rank: random() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ digit }) => digit);
}

/** Trains by stochastic gradient descent in batches. The same digits and options give the same network. */
export function train(digits: readonly Digit[], options: TrainingOptions): Network {
  const { hidden, epochs, batch, learningRate, seed } = options;
  const random = randomFrom(seed);
  const network = initial(hidden, random);
  for (let epoch = 0; epoch < epochs; epoch++) {
    const order = shuffled(digits, random);
    const rate = (learningRate * (1 - epoch / epochs)) / batch;
    for (let start = 0; start < order.length; start += batch) {
      const examples = order.slice(start, start + batch);
      // All errors of a batch are taken before any weight moves.
      const errors = examples.map((digit) => errorsOf(network, digit));
      examples.forEach((digit, index) => {
        const found = errors[index];
        if (!found) return;
        descend(network.w1, network.b1, digit.pixels, found.hidden, rate);
        descend(network.w2, network.b2, found.activity, found.output, rate);
      });
    }
  }
  return network;
}
