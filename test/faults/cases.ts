import { badVersion } from './r-03-bad-version';
import { frontKilled } from './r-07-front-killed';
import { hang } from './r-05-hang';
import { hostKilled } from './r-04-host-killed';
import { memoryBomb } from './r-06-memory-bomb';
import { reload } from './r-02-reload';
import { rollingRestart } from './r-01-rolling-restart';
import { shapes } from './r-20-shapes';
import type { FaultCase } from './support/case';

/** Every case, in the order of their ids. */
export const cases: readonly FaultCase[] = [
  rollingRestart,
  reload,
  badVersion,
  hostKilled,
  hang,
  memoryBomb,
  frontKilled,
  shapes,
];
