import { countOf, membersOf, nameOf, numberOf, wrong } from '../models/config-members';
import { WHOLE } from './rule';
import type { CanaryRule, HeaderRule, ShadowRule, Sticky, TrafficRule, Weight } from './rule';

const HEADER = /^[A-Za-z0-9][A-Za-z0-9-]{0,63}$/;
const MOST = { headers: 32, value: 256, weights: 16, steps: 16, requests: 1_000_000, seconds: 604_800, copies: 64 };
/** Largest share of a canary, unless its rule says otherwise: what a bad one can reach. */
const MAX_SHARE = 500;
const STEPS = [50, 100, 250];
const REQUESTS_PER_STEP = 500;
const SECONDS_PER_STEP = 60;
const LATENCY_TOLERANCE = 0.1;
const SHADOW = { concurrency: 4, absolute: 1e-5, relative: 1e-3 } as const;

function listOf(value: unknown, where: string, most: number): readonly unknown[] {
  if (Array.isArray(value) && value.length > 0 && value.length <= most) return value;
  throw wrong(`${where} is not a list of 1 to ${most} entries`);
}

function headerName(value: unknown, where: string): string {
  if (typeof value === 'string' && HEADER.test(value)) return value.toLowerCase();
  throw wrong(`${where} is not the name of a header`);
}

function shareIn(value: unknown, where: string, least: number, most: number = WHOLE): number {
  const share = numberOf(value, where, least, most);
  if (!Number.isInteger(share)) throw wrong(`${where} is not an integer`);
  return share;
}

function headerRule(value: unknown, where: string): HeaderRule {
  const fields = membersOf(value, where, ['header', 'value', 'version']);
  const text = fields['value'];
  if (typeof text !== 'string' || text.length > MOST.value) {
    throw wrong(`${where}.value is not a text of at most ${MOST.value} characters`);
  }
  const header = headerName(fields['header'], `${where}.header`);
  return { header, value: text, version: nameOf(fields['version'], `${where}.version`) };
}

function weightsOf(value: unknown, where: string): readonly Weight[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(`${where} is not an object`);
  const rows = Object.entries(value).map(([version, share]) => ({
    version: nameOf(version, `${where}: a version`),
    share: shareIn(share, `${where}.${version}`, 0),
  }));
  if (rows.length > MOST.weights) throw wrong(`${where} has more than ${MOST.weights} versions`);
  const sum = rows.reduce((total, { share }) => total + share, 0);
  if (sum !== WHOLE) throw wrong(`${where} sums up to ${sum}, not to ${WHOLE}`);
  return rows;
}

function stepsOf(value: unknown, where: string, most: number): readonly number[] {
  if (value === undefined) return STEPS.filter((share) => share <= most);
  const steps = listOf(value, where, MOST.steps).map((each, index) => shareIn(each, `${where}[${index}]`, 1, most));
  if (steps.some((share, index) => share <= (steps[index - 1] ?? 0))) throw wrong(`${where} is not ascending`);
  return steps;
}

const CANARY = [
  ...['version', 'stable', 'steps', 'maxShare', 'requestsPerStep', 'secondsPerStep', 'latencyTolerance', 'promote'],
] as const;

function canaryOf(value: unknown, where: string): CanaryRule {
  const fields = membersOf(value, where, CANARY);
  const { stable, promote = true, maxShare = MAX_SHARE } = fields;
  const { requestsPerStep = REQUESTS_PER_STEP, secondsPerStep = SECONDS_PER_STEP } = fields;
  const { latencyTolerance = LATENCY_TOLERANCE } = fields;
  if (typeof promote !== 'boolean') throw wrong(`${where}.promote is not true or false`);
  const steps = stepsOf(fields['steps'], `${where}.steps`, shareIn(maxShare, `${where}.maxShare`, 1, WHOLE - 1));
  if (steps.length === 0) throw wrong(`${where}.maxShare is below the first step; state the steps`);
  return {
    ...{ version: nameOf(fields['version'], `${where}.version`), steps, promote },
    ...(stable === undefined ? {} : { stable: nameOf(stable, `${where}.stable`) }),
    requestsPerStep: countOf(requestsPerStep, `${where}.requestsPerStep`, MOST.requests),
    secondsPerStep: numberOf(secondsPerStep, `${where}.secondsPerStep`, 0, MOST.seconds),
    latencyTolerance: numberOf(latencyTolerance, `${where}.latencyTolerance`, 0, 10),
  };
}

function shadowOf(value: unknown, where: string): ShadowRule {
  const fields = membersOf(value, where, ['version', 'share', 'concurrency', 'tolerance']);
  const { share = WHOLE, concurrency = SHADOW.concurrency, tolerance = {} } = fields;
  const limits = membersOf(tolerance, `${where}.tolerance`, ['absolute', 'relative']);
  const { absolute = SHADOW.absolute, relative = SHADOW.relative } = limits;
  return {
    version: nameOf(fields['version'], `${where}.version`),
    share: shareIn(share, `${where}.share`, 1),
    concurrency: countOf(concurrency, `${where}.concurrency`, MOST.copies),
    tolerance: {
      absolute: numberOf(absolute, `${where}.tolerance.absolute`, 0, Number.MAX_VALUE),
      relative: numberOf(relative, `${where}.tolerance.relative`, 0, Number.MAX_VALUE),
    },
  };
}

function stickyOf(value: unknown, where: string): Sticky {
  if (value === 'caller') return { by: 'caller' };
  if (typeof value !== 'object') throw wrong(`${where} is not "caller" or an object`);
  const { header } = membersOf(value, where, ['header']);
  return { by: 'header', header: headerName(header, `${where}.header`) };
}

/** Reads `{"headers"?, "weights"?, "canary"?, "sticky"?, "shadow"?}`. @throws ConfigMemberError */
export function trafficOf(value: unknown, where: string): TrafficRule {
  const fields = membersOf(value, where, ['headers', 'weights', 'canary', 'sticky', 'shadow']);
  const { headers, weights, canary, sticky, shadow } = fields;
  if (weights !== undefined && canary !== undefined) throw wrong(`${where} has both weights and canary`);
  const rules = headers === undefined ? [] : listOf(headers, `${where}.headers`, MOST.headers);
  return {
    headers: rules.map((each, index) => headerRule(each, `${where}.headers[${index}]`)),
    ...(weights === undefined ? {} : { weights: weightsOf(weights, `${where}.weights`) }),
    ...(canary === undefined ? {} : { canary: canaryOf(canary, `${where}.canary`) }),
    ...(sticky === undefined ? {} : { sticky: stickyOf(sticky, `${where}.sticky`) }),
    ...(shadow === undefined ? {} : { shadow: shadowOf(shadow, `${where}.shadow`) }),
  };
}
