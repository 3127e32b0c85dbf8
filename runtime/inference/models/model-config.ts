import { parseProcessing } from '../processing/settings';
import type { ModelSettings, VersionPolicy } from '../registry';
import { cacheOf } from '../response-cache/rule';
import { trafficOf } from '../traffic/rule-config';
import { countOf, membersOf, nameOf, numberOf, wrong } from './config-members';
import type { Fields } from './config-members';

export { ConfigMemberError, membersOf, nameOf } from './config-members';

const MOST = { batch: 4_096, instances: 64, versions: 1_000, delaySeconds: 10 } as const;

/** `"all"`, `{"latest": 2}` or a list of versions. */
function policyOf(value: unknown, where: string): VersionPolicy {
  if (value === 'all') return { kind: 'all' };
  if (Array.isArray(value) && value.length > 0) {
    return { kind: 'specific', versions: value.map((each, index) => nameOf(each, `${where}[${index}]`)) };
  }
  const { latest } = membersOf(value, where, ['latest']);
  return { kind: 'latest', count: countOf(latest, `${where}.latest`, MOST.versions) };
}

/** `{"production": "3"}`. */
function aliasesOf(value: unknown, where: string): Readonly<Record<string, string>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(`${where} is not an object`);
  const rows = Object.entries(value).map(([alias, version]) => {
    // A version is a number; an alias that is one, too, would hide it.
    if (/^\d+$/.test(alias)) throw wrong(`${where}: the alias ${alias} is a number`);
    return [nameOf(alias, `${where}: an alias`), nameOf(version, `${where}.${alias}`)] as const;
  });
  return Object.fromEntries(rows);
}

/** Members that say how a model is served, in a repository as in a list of models. */
export const SETTINGS_MEMBERS = [
  'versions',
  'aliases',
  'maxBatchSize',
  'preferredBatchSizes',
  'maxQueueDelaySeconds',
  'instances',
  'processing',
  'traffic',
  'cache',
] as const;

/** Reads {@link SETTINGS_MEMBERS}. @throws ConfigMemberError */
export function settingsOf(fields: Fields, where: string): ModelSettings {
  const { versions, aliases, maxBatchSize, preferredBatchSizes, maxQueueDelaySeconds, instances } = fields;
  const { processing, traffic, cache } = fields;
  if (preferredBatchSizes !== undefined && !Array.isArray(preferredBatchSizes)) {
    throw wrong(`${where}.preferredBatchSizes is not a list`);
  }
  const sizes = preferredBatchSizes?.map((each: unknown) => countOf(each, `${where}.preferredBatchSizes`, MOST.batch));
  return {
    ...(versions === undefined ? {} : { versions: policyOf(versions, `${where}.versions`) }),
    ...(aliases === undefined ? {} : { aliases: aliasesOf(aliases, `${where}.aliases`) }),
    ...(maxBatchSize === undefined ? {} : { maxBatchSize: countOf(maxBatchSize, `${where}.maxBatchSize`, MOST.batch) }),
    ...(sizes === undefined ? {} : { preferredBatchSizes: sizes.sort((a, b) => a - b) }),
    ...(maxQueueDelaySeconds === undefined
      ? {}
      : { maxQueueDelay: numberOf(maxQueueDelaySeconds, `${where}.maxQueueDelaySeconds`, 0, MOST.delaySeconds) }),
    ...(instances === undefined ? {} : { instances: countOf(instances, `${where}.instances`, MOST.instances) }),
    ...(processing === undefined ? {} : { processing: parseProcessing(processing, `${where}.processing`) }),
    ...(traffic === undefined ? {} : { traffic: trafficOf(traffic, `${where}.traffic`) }),
    ...(cache === undefined ? {} : { cache: cacheOf(cache, `${where}.cache`) }),
  };
}
