import { backWithin500, many, ruleOf, SEED, share } from '../runtime/support/canary-runs';
import type { Run, World } from '../runtime/support/canary-runs';
import type { Bench, FaultCase } from './support/case';

/** Share of the runs of a canary at fault that is to be rolled back within 500 of its requests. */
const FAULTS: Readonly<Record<string, { readonly world: World; readonly least: number }>> = {
  '2 % errors': { world: { injected: 0.02 }, least: 0.99 },
  '30 % more time': { world: { slower: 0.3 }, least: 0.95 },
};

const wasRolledBack = ({ state }: Run): boolean => state.phase === 'rolled-back';

function atFault(bench: Bench): void {
  const count = bench.count('runs of each fault', 40, 1_000);
  for (const [what, { world, least }] of Object.entries(FAULTS)) {
    const runs = many(count, ruleOf(), world);
    bench.atLeast(`${what}: rolled back within 500 requests`, share(runs, backWithin500), least);
    bench.atLeast(`${what}: rolled back at all`, share(runs, wasRolledBack), 0.99);
  }
}

function healthy(bench: Bench): void {
  const runs = bench.count('healthy runs', 1_000, 5_000);
  const rule = ruleOf({ steps: [100, 300], requestsPerStep: 200 });
  bench.atMost('healthy: rolled back', share(many(runs, rule, {}), wasRolledBack), 0.01);
}

/** A canary that is at fault is rolled back soon, and one that is not hardly ever. */
export const canary: FaultCase = {
  id: 'R-40',
  what: `canary with injected faults, and without, simulated, seeds from ${SEED}`,
  limit: { scaled: 60, full: 600 },
  run: async (bench) => {
    atFault(bench);
    healthy(bench);
  },
};
