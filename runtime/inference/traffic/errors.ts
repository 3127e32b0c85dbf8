import { RequestError } from '../../shared/errors';
import type { RequestErrorTable } from '../../shared/errors';
import { ModelError } from '../errors';
import { namesOf } from './rule';
import type { TrafficRule } from './rule';

/** Codes of requests that concern the traffic of a model. */
export const TRAFFIC_ERRORS = {
  LNMT8401: {
    status: 409,
    title: 'the model has no canary',
    explanation:
      'Only a model whose `traffic` has a `canary`, with a version other than the stable one, can be promoted, rolled back or restarted.',
  },
  LNMT8402: {
    status: 400,
    title: 'the decision on the canary cannot be read',
    explanation: 'Send `{"canary": "promote"}`, `{"canary": "rollback"}` or `{"canary": "restart"}`.',
  },
} as const satisfies RequestErrorTable;

/** 409: nothing to decide on. */
export const noCanary = (): RequestError =>
  new RequestError('LNMT8401', TRAFFIC_ERRORS.LNMT8401, 'the model has no canary');

/** 400: a decision that is none. */
export const unknownDecision = (): RequestError =>
  new RequestError('LNMT8402', TRAFFIC_ERRORS.LNMT8402, 'canary is not promote, rollback or restart');

/** @throws ModelError for a rule that names what is not served */
export function refuseStrangers(rule: TrafficRule | undefined, served: readonly string[]): void {
  if (rule === undefined) return;
  const stranger = namesOf(rule).find((name) => !served.includes(name));
  if (stranger !== undefined) throw new ModelError('LNMT8341', stranger);
}
