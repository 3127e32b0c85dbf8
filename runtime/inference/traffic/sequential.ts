/**
 * Two tests of a canary against the stable version, by betting. Each multiplies a capital of 1 at every outcome by a
 * factor whose expectation is at most 1 while the canary is no worse. Such a capital passes 1/α with a probability of
 * at most α, however often one looks (Ville's inequality): so one may look after every request.
 */

/** Capital of bets on several alternatives, as logarithms. */
export type Capital = readonly number[];

/** Natural logarithm of the mean capital. */
export function evidence(capital: Capital): number {
  const most = Math.max(...capital);
  return most + Math.log(capital.reduce((sum, each) => sum + Math.exp(each - most), 0) / capital.length);
}

/** How many times as often the canary is supposed to fail. */
const FAILURE_RATIOS = [5, 20, 100] as const;
/** Outcomes that the share which was asked for counts as, before there are real ones. */
const PRIOR_OUTCOMES = 50;

/** Failures of both versions since a step began. */
export interface FailureTest {
  readonly capital: Capital;
  /** Outcomes of each. */
  readonly canary: number;
  readonly stable: number;
}

/** Nothing is known yet. */
export const NO_FAILURES: FailureTest = { capital: FAILURE_RATIOS.map(() => 0), canary: 0, stable: 0 };

/**
 * Takes an outcome into account. While both versions fail alike, the canary has the share of the failures that it has
 * of the requests, whatever befalls both at the same time: so only failures are bet on, and on whose they are.
 *
 * @param share of the canary in the requests, from 0 to 1
 */
export function withOutcome(test: FailureTest, ofCanary: boolean, failed: boolean, share: number): FailureTest {
  const { capital, canary, stable } = test;
  // With a sticky key the canary may get more than its share: what counts is what it got.
  const expected = Math.max(share, (canary + PRIOR_OUTCOMES * share) / (canary + stable + PRIOR_OUTCOMES));
  const counted = { canary: canary + Number(ofCanary), stable: stable + Number(!ofCanary) };
  if (!failed || expected <= 0 || expected >= 1) return { capital, ...counted };
  const bets = FAILURE_RATIOS.map((ratio, index) => {
    const supposed = (ratio * expected) / (ratio * expected + 1 - expected);
    const factor = ofCanary ? supposed / expected : (1 - supposed) / (1 - expected);
    return (capital[index] ?? 0) + Math.log(factor);
  });
  return { capital: bets, ...counted };
}

/** Slopes of the bets on ranks: the steeper, the slower the canary is supposed to be. */
const SLOPES = [1.25, 1.6, 2.2, 3.5] as const;
/** Answers of the stable version that one of the canary is ranked among. */
const MOST_PEERS = 64;

/** Times of both versions since a step began. */
export interface LatencyTest {
  readonly capital: Capital;
  /** Seconds that the stable version took since the canary answered last. */
  readonly peers: readonly number[];
}

/** Nothing is known yet. */
export const NO_LATENCIES: LatencyTest = { capital: SLOPES.map(() => 0), peers: [] };

/** Takes an answer of the stable version into account. */
export function withPeer({ capital, peers }: LatencyTest, seconds: number): LatencyTest {
  return peers.length < MOST_PEERS ? { capital, peers: [...peers, seconds] } : { capital, peers };
}

/**
 * Takes an answer of the canary into account: its rank among the answers of the stable version since the last one.
 * No peer is used twice, and what slows both at the same time changes no rank.
 *
 * @param tolerance how much slower it may be, as a share
 * @param random from 0 to 1, for ties
 */
export function withLatency(
  { capital, peers }: LatencyTest,
  seconds: number,
  tolerance: number,
  random: number,
): LatencyTest {
  if (peers.length === 0) return { capital, peers };
  const excused = seconds / (1 + tolerance);
  const below = peers.filter((peer) => peer < excused).length;
  const ties = peers.filter((peer) => peer === excused).length + 1;
  const rank = Math.max((below + random * ties) / (peers.length + 1), Number.EPSILON);
  // The density of the bet is slope · rank^(slope - 1), whose integral is 1.
  const bets = SLOPES.map((slope, index) => (capital[index] ?? 0) + Math.log(slope) + (slope - 1) * Math.log(rank));
  return { capital: bets, peers: [] };
}
