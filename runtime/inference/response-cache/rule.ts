import { membersOf, numberOf, wrong } from '../models/config-members';

/** Whether the answers of a model are kept, and for how long. */
export interface CacheRule {
  readonly enabled: boolean;
  /** Seconds that an answer may be used again. @default - those of the server */
  readonly ttl?: number;
}

const MOST_SECONDS = 30 * 86_400;

/** `true`, `false` or `{"ttlSeconds": 60}`. @throws ConfigMemberError */
export function cacheOf(value: unknown, where: string): CacheRule {
  if (typeof value === 'boolean') return { enabled: value };
  if (typeof value !== 'object') throw wrong(`${where} is not true, false or an object`);
  const { ttlSeconds } = membersOf(value, where, ['ttlSeconds']);
  if (ttlSeconds === undefined) return { enabled: true };
  return { enabled: true, ttl: numberOf(ttlSeconds, `${where}.ttlSeconds`, 1, MOST_SECONDS) };
}
