import os from 'node:os';
import path from 'node:path';
import { defineConfig } from 'vitest/config';

const root = path.resolve(__dirname, '..');

export default defineConfig({
  root,
  resolve: {
    alias: [
      { find: /^lnmt$/, replacement: path.join(root, 'constructs/index.ts') },
      { find: /^lnmt\/stacks$/, replacement: path.join(root, 'stacks/index.ts') },
      { find: /^lnmt\/(\w+)$/, replacement: path.join(root, 'constructs/$1/index.ts') },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/integration/**', 'test/bench/**', 'test/faults/**'],
    globalSetup: path.join(root, 'test/support/global-setup.ts'),
    testTimeout: 30_000,
    // Left to itself vitest keeps one core free, which on two cores is half of them.
    maxWorkers: os.availableParallelism(),
    // onnxruntime reports to its vendor unless it is told not to; the server says so itself, tests load it directly.
    env: { ORT_DISABLE_TELEMETRY: '1' },
  },
});
