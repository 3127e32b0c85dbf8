import { LnmtError } from '../errors';
import type { ErrorTable } from '../errors';

/** Codes of the add-ons. */
export const ADDON_ERRORS = {
  LNMT3100: {
    title: 'the GPU stack has no device plugin to install',
    explanation:
      'The GPU operator adds what neither the node image nor the cloud brings. Where the cloud owns every part, nothing is left to install, and a second device plugin would count each GPU twice.',
  },
  LNMT3101: {
    title: 'an add-on option is out of range',
    explanation: 'The option takes a value inside the range that the message states.',
  },
} as const satisfies ErrorTable;

/** Every part of the GPU stack belongs to the cloud. */
export function gpuOperatorNotNeeded(mode: string): LnmtError {
  return new LnmtError('LNMT3100', undefined, {
    what: 'gpuOperator has nothing to install',
    got: `GPU stack ${mode}, all of which the cloud owns`,
    allowed: 'a stack in which the node image or the operator owns a part',
    remedy: 'leave the GPU operator out on this target',
  });
}

/** The option is not a whole number of at least `min`. */
export function addonOptionOutOfRange(option: string, value: number, min: number, unit: string): LnmtError {
  return new LnmtError('LNMT3101', undefined, {
    what: `${option} is out of range`,
    got: `${value} ${unit}`,
    allowed: `whole numbers from ${min} ${unit}`,
    remedy: `raise ${option}`,
  });
}
