import { hash } from 'node:crypto';
import { WHOLE } from './rule';
import type { Sticky, TrafficRule, Weight } from './rule';

/** What decided which version answers. `fallback`: what should have answered is not ready. */
export type ChoiceReason = 'header' | 'weight' | 'canary' | 'stable' | 'fallback';

/** Which version answers. */
export interface Choice {
  /** A version or an alias; undefined for what everybody gets without a rule. */
  readonly version: string | undefined;
  readonly reason: ChoiceReason;
}

/** What a choice is made from. */
export interface ChoiceFacts {
  readonly model: string;
  /** A header or an entry of metadata, by its name in lower case. */
  readonly attribute: (name: string) => string | undefined;
  /** Who asks; undefined where nobody knows. */
  readonly caller: string | undefined;
  /** Share of the canary, in 1/1000. */
  readonly canaryShare: number;
  /** False where what everybody gets without a rule is a canary that was rolled back: it stands in for nobody. */
  readonly mayFallBack: boolean;
  /** True for a version, or an alias of one, that would answer now. */
  readonly isReady: (version: string) => boolean;
  /** From 0 to 1. */
  readonly random: () => number;
}

const BYTES = 6;

/** A place between 0 and 1 that is always the same for a text, and evenly spread over texts. */
export function placeOf(text: string): number {
  return hash('sha256', text, 'buffer').readUIntBE(0, BYTES) / 2 ** (8 * BYTES);
}

/** The key that keeps a request with its version; undefined where it has none. */
function keyOf(sticky: Sticky | undefined, { attribute, caller }: ChoiceFacts): string | undefined {
  if (sticky === undefined) return undefined;
  return sticky.by === 'caller' ? caller : attribute(sticky.header);
}

/** The version in whose part of the line a place lies. */
function at(weights: readonly Weight[], place: number): string | undefined {
  const total = weights.reduce((sum, { share }) => sum + share, 0);
  let left = place * total;
  for (const { version, share } of weights) {
    if (left < share) return version;
    left -= share;
  }
  return undefined;
}

function byWeight(weights: readonly Weight[], place: (salt: string) => number, facts: ChoiceFacts): Choice {
  const version = at(weights, place(''));
  if (version !== undefined && facts.isReady(version)) return { version, reason: 'weight' };
  // The others take over in proportion, and each key stays with one of them.
  const ready = weights.filter((weight) => weight.share > 0 && facts.isReady(weight.version));
  // Where none is ready, who has no share takes none over: the one that was chosen refuses, or is loaded.
  return ready.length > 0 ? { version: at(ready, place('again')), reason: 'fallback' } : { version, reason: 'weight' };
}

/** Which version answers a request that names none. */
export function choose({ headers, weights, canary, sticky }: TrafficRule, facts: ChoiceFacts): Choice {
  const { model, attribute, canaryShare, mayFallBack, isReady, random } = facts;
  for (const { header, value, version } of headers) {
    if (attribute(header) === value && isReady(version)) return { version, reason: 'header' };
  }
  if (weights === undefined && canary === undefined) return { version: undefined, reason: 'stable' };
  const key = keyOf(sticky, facts);
  const place = (salt: string): number => (key === undefined ? random() : placeOf(JSON.stringify([model, salt, key])));
  if (weights !== undefined) return byWeight(weights, place, facts);
  // The canary has the beginning of the line: who has it once keeps it while its share grows.
  const chosen = canary !== undefined && place('') * WHOLE < canaryShare;
  if (chosen && isReady(canary.version)) return { version: canary.version, reason: 'canary' };
  const stable = canary?.stable;
  if (stable !== undefined && !isReady(stable) && mayFallBack) return { version: undefined, reason: 'fallback' };
  return { version: stable, reason: chosen ? 'fallback' : 'stable' };
}
