import type { Tensor } from '../tensors/tensor';
import { floatsOf } from '../tensors/values';
import type { Pooling } from './settings';

/** One vector from those of the tokens of a text, which has no padding. */
export function pool(vectors: Float32Array, size: number, pooling: Pooling): Float32Array {
  const tokens = vectors.length / size;
  if (pooling === 'cls') return vectors.slice(0, size);
  if (pooling === 'last') return vectors.slice((tokens - 1) * size);
  if (pooling === 'max') {
    const most = vectors.slice(0, size);
    vectors.forEach((value, index) => (most[index % size] = Math.max(most[index % size] ?? value, value)));
    return most;
  }
  const sums = new Float64Array(size);
  for (let start = 0; start < vectors.length; start += size) {
    for (let place = 0; place < size; place++) sums[place] = (sums[place] ?? 0) + (vectors[start + place] ?? 0);
  }
  return Float32Array.from(sums, (sum) => sum / tokens);
}

/** Scaled to length 1; a vector of zeros stays one. */
export function normalized(vector: Float32Array): Float32Array {
  let squares = 0;
  for (const value of vector) squares += value * value;
  const length = Math.sqrt(squares);
  return length === 0 ? vector : vector.map((value) => value / length);
}

/** The vector of each row of an output: `[rows, size]` as it is, `[rows, tokens, size]` pooled. */
export function rowVectors(output: Tensor, pooling: Pooling): Float32Array[] {
  const [rows = 0] = output.shape;
  const size = output.shape.at(-1) ?? 0;
  const given = floatsOf(output) ?? new Float32Array();
  const floats = given instanceof Float32Array ? given : Float32Array.from(given);
  const stride = rows === 0 ? 0 : floats.length / rows;
  const row = (index: number): Float32Array => floats.subarray(index * stride, (index + 1) * stride);
  return Array.from({ length: rows }, (_, index) =>
    output.shape.length === 2 ? row(index).slice() : pool(row(index), size, pooling),
  );
}
