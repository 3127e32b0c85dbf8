import os from 'node:os';
import path from 'node:path';
import { defineConfig } from 'vitest/config';

const root = path.resolve(__dirname, '..');

const TESTS = 'test/**/*.test.ts';
const ISOLATED = 'test/**/*.isolated.test.ts';
const APART = ['test/integration/**', 'test/bench/**', 'test/faults/**'];

// Three times what the slowest test takes beside others on two cores. A limit ends what hangs, and measures nothing.
const PATIENCE_MS = 90_000;
const POLL_MS = 20_000;

export default defineConfig({
  root,
  resolve: {
    alias: [
      { find: /^.*\/shared\/source-loader$/, replacement: path.join(root, 'test/support/source-loader.ts') },
      { find: /^lnmt$/, replacement: path.join(root, 'constructs/index.ts') },
      { find: /^lnmt\/stacks$/, replacement: path.join(root, 'stacks/index.ts') },
      { find: /^lnmt\/(\w+)$/, replacement: path.join(root, 'constructs/$1/index.ts') },
    ],
  },
  test: {
    projects: [
      // Files of a worker share the modules that they load, which saves a third of the time. So no test replaces a module
      // or changes the state of one; one that must has a name that says so.
      { extends: true, test: { name: 'shared', isolate: false, include: [TESTS], exclude: [...APART, ISOLATED] } },
      { extends: true, test: { name: 'isolated', include: [ISOLATED] } },
    ],
    globalSetup: path.join(root, 'test/support/global-setup.ts'),
    setupFiles: path.join(root, 'test/support/setup.ts'),
    testTimeout: PATIENCE_MS,
    hookTimeout: PATIENCE_MS,
    // Left to itself vitest asks for one second.
    expect: { poll: { timeout: POLL_MS } },
    // One more than there are cores: many tests wait for processes that they started. Left to itself vitest has one less.
    maxWorkers: os.availableParallelism() + 1,
    // onnxruntime reports to its vendor unless it is told not to; the server says so itself, tests load it directly.
    env: { ORT_DISABLE_TELEMETRY: '1' },
  },
});
