import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { OnnxBackend } from '../../../runtime/inference/backends/onnx';
import { Engine } from '../../../runtime/inference/generation/engine';
import { greedy } from '../../runtime/support/decoding';
import { decoderModel } from '../../runtime/support/text-models';
import type { ModelSize } from '../../runtime/support/text-models';

/**
 * Tokens per second of one decoder with so many answers under way, one answer in a run or all of them together,
 * interleaved. `npx tsx test/bench/generation/main.ts`
 */
const SIZE: ModelSize = { heads: 8, headSize: 64, hidden: 512, layers: 6, positions: 512 };
const VOCABULARY = 8192;
const TOKENS = 48;
const PROMPT = Int32Array.from({ length: 32 }, (_, index) => (index * 37) % VOCABULARY);
const ANSWERS = [1, 2, 4, 8, 16, 32];
const ROUNDS = 3;

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

/** Tokens per second, and the longest time between two turns in milliseconds. */
async function measure(
  backend: OnnxBackend,
  answers: number,
  maxRows: number,
): Promise<{ rate: number; most: number }> {
  if (backend.signature === undefined) throw new Error('not loaded');
  const engine = await Engine.open(backend, backend.signature, { maxRows }, () => undefined);
  for (let id = 0; id < answers; id++) engine.add(id, PROMPT, greedy(TOKENS));
  const started = performance.now();
  let most = 0;
  while (engine.busy) {
    const before = performance.now();
    await engine.turn();
    most = Math.max(most, performance.now() - before);
  }
  return { rate: (answers * TOKENS * 1000) / (performance.now() - started), most };
}

async function main(): Promise<void> {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'lnmt-bench-'));
  const file = path.join(dir, 'model.onnx');
  fs.writeFileSync(file, decoderModel({ vocabulary: VOCABULARY, size: SIZE }));
  const threads = os.availableParallelism();
  const backend = new OnnxBackend({ executionProvider: 'cpu', threads });
  await backend.load(file);
  process.stdout.write(`${(fs.statSync(file).size / 2 ** 20).toFixed(0)} MiB, ${threads} threads\n`);
  process.stdout.write('answers  alone tok/s  together tok/s  ratio  longest turn alone/together ms\n');
  for (const answers of ANSWERS) {
    const rounds: { alone: number; together: number; turns: readonly [number, number] }[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const alone = await measure(backend, answers, 1);
      const together = await measure(backend, answers, 32);
      rounds.push({ alone: alone.rate, together: together.rate, turns: [alone.most, together.most] });
    }
    const [alone, together] = [median(rounds.map((r) => r.alone)), median(rounds.map((r) => r.together))];
    const ratio = median(rounds.map((r) => r.together / r.alone));
    const turns = [0, 1].map((index) => median(rounds.map((r) => r.turns[index] ?? 0)).toFixed(1)).join(' / ');
    const row = [String(answers).padStart(7), alone.toFixed(0).padStart(12), together.toFixed(0).padStart(15)];
    process.stdout.write(`${row.join('')}${ratio.toFixed(2).padStart(8)}x  ${turns}\n`);
  }
  await backend.close();
  fs.rmSync(dir, { recursive: true });
}

void main();
