import { hang } from './r-05-hang';
import { hostKilled } from './r-04-host-killed';
import { shapes } from './r-20-shapes';
import type { FaultCase } from './support/case';

/** Every case, in the order of their ids. */
export const cases: readonly FaultCase[] = [hostKilled, hang, shapes];
