import { callerKey } from '../../shared/caller-limits';
import { RequestError } from '../../shared/errors';
import { isUnknownModel } from '../errors';
import type { ModelRegistry, ServingRules, Standing } from '../registry';
import { DEFAULT_ALIAS } from '../registry/spec';
import type { InferenceCall } from '../serving/layer';
import { choose } from './choose';
import type { Choice, ChoiceReason } from './choose';
import { noCanary } from './errors';
import type { TrafficObserver } from './observe';
import type { CanaryRule, TrafficRule } from './rule';
import { CanaryTrial, trialKey } from './trial';
import type { CanaryReport, CanaryVerdict } from './trial';

/** What traffic has to know of the models. */
export type TrafficModels = Pick<ModelRegistry, 'rulesOf' | 'standing' | 'names' | 'identities'>;

/** What {@link Traffic} works with. */
export interface TrafficDeps {
  readonly models: TrafficModels;
  readonly observe: TrafficObserver;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Milliseconds of a monotonic clock. */
  readonly clock: () => number;
  /** From 0 to 1. */
  readonly random: () => number;
}

/** What a version is chosen for. */
export type TrafficCall = Pick<InferenceCall, 'name' | 'version' | 'caller' | 'attribute' | 'answering' | 'signal'>;

/** The traffic of one model, for people. */
export interface TrafficReport {
  readonly rule: TrafficRule | null;
  readonly canary: CanaryReport | null;
}

interface Plan {
  readonly rules: ServingRules;
  readonly rule: TrafficRule;
  readonly trial: CanaryTrial | undefined;
  readonly key: string;
}

interface Watched {
  readonly call: TrafficCall;
  readonly trial: CanaryTrial | undefined;
  readonly reason: ChoiceReason;
}

/** What a result says of the version that was chosen: how it ended and how long it took, the first alone, that it failed, or nothing. */
export type Evidence = 'time' | 'outcome' | 'failure' | 'none';

/** Failures that say nothing of a version: the client left, its caller may not have it, or the server is full. */
const BLAMELESS: readonly number[] = [499, 403, 429];

const everything = (): Evidence => 'time';

/** Chooses the version that answers a request which names none, and watches how canaries do. */
export class Traffic {
  private readonly plans = new Map<string, Plan>();

  constructor(private readonly deps: TrafficDeps) {}

  /** The rule of a model; undefined where it has none. */
  ruleOf(name: string): TrafficRule | undefined {
    return this.planOf(name)?.rule;
  }

  /**
   * Has a request answered by the version that its rule says.
   *
   * @param send asks a version; undefined stands for the one that everybody gets without a rule
   * @param says what a result says of the version
   * @throws RequestError
   */
  async route<T>(
    call: TrafficCall,
    send: (version: string | undefined) => Promise<T>,
    says: (result: T) => Evidence = everything,
  ): Promise<T> {
    const plan = call.version === undefined ? this.planOf(call.name) : undefined;
    if (plan === undefined) return send(call.version);
    const choice = this.chosen(call, plan);
    const standing = this.deps.models.standing(call.name, choice.version);
    if (standing === undefined) return send(undefined);
    const { version } = standing.identity;
    this.deps.observe.chosen(call.name, version, choice.reason);
    call.answering?.(standing.identity);
    try {
      return await this.watched({ call, trial: plan.trial, reason: choice.reason }, () => send(version), says);
    } catch (error) {
      // It was replaced between the choice and its turn; what has taken its place answers.
      if (!isUnknownModel(error)) throw error;
      return send(undefined);
    }
  }

  /** How the traffic of a model stands. */
  report(name: string): TrafficReport {
    const plan = this.planOf(name);
    return { rule: plan?.rule ?? null, canary: plan?.trial?.report() ?? null };
  }

  /** Ends or begins the trial of a canary. @throws RequestError */
  decide(name: string, verdict: CanaryVerdict): void {
    const trial = this.planOf(name)?.trial;
    if (trial === undefined) throw noCanary();
    trial.decide(verdict, this.deps.now());
  }

  /** Brings the gauges up to date. */
  refresh(): void {
    const { models, observe } = this.deps;
    observe.reset();
    for (const name of models.names()) {
      const plan = this.planOf(name);
      if (plan === undefined) continue;
      for (const { version, share } of plan.rule.weights ?? []) {
        const standing = models.standing(name, version);
        if (standing) observe.share(name, standing.identity.version, share);
      }
      if (plan.trial) observe.canary(name, plan.trial.report());
    }
  }

  private chosen({ name, attribute, caller }: TrafficCall, { rule, trial }: Plan): Choice {
    const { models, random } = this.deps;
    const isUsual = (version: string): boolean => models.standing(name, undefined)?.identity.version === version;
    return choose(rule, {
      ...{ model: name, attribute, random, canaryShare: trial?.share ?? 0 },
      mayFallBack: trial?.rolledBack !== true || !isUsual(trial.versionOf(true)),
      caller: caller === undefined ? undefined : callerKey(caller),
      isReady: (version) => models.standing(name, version)?.ready === true,
    });
  }

  private async watched<T>(
    { call: { name, signal }, trial, reason }: Watched,
    work: () => Promise<T>,
    says: (result: T) => Evidence,
  ): Promise<T> {
    if (!trial?.open || (reason !== 'canary' && reason !== 'stable')) return work();
    const { clock, now, random, observe } = this.deps;
    const started = clock();
    const record = (failed: boolean, isTelling: boolean): void => {
      const ofCanary = reason === 'canary';
      observe.outcome(name, trial, ofCanary, failed);
      const seconds = isTelling ? (clock() - started) / 1000 : undefined;
      trial.record({ ofCanary, failed, seconds, now: now(), random: random() });
    };
    try {
      const result = await work();
      const evidence = says(result);
      // A stream that its client leaves ends without an error, and says nothing of the version either.
      if (!signal.aborted && evidence !== 'none') record(evidence === 'failure', evidence === 'time');
      return result;
    } catch (error) {
      const isBlameless = isUnknownModel(error) || (error instanceof RequestError && BLAMELESS.includes(error.status));
      if (!isBlameless) record(true, false);
      throw error;
    }
  }

  /** The plan of a model, made again when its repository was asked again. */
  private planOf(name: string): Plan | undefined {
    const rules = this.deps.models.rulesOf(name);
    if (rules?.traffic === undefined) return undefined;
    const before = this.plans.get(name);
    if (before?.rules === rules) return before;
    const plan = this.planned(name, rules, rules.traffic, before);
    this.plans.set(name, plan);
    return plan;
  }

  private planned(name: string, rules: ServingRules, said: TrafficRule, before: Plan | undefined): Plan {
    const nothing = { rules, rule: said, trial: undefined, key: '' };
    const { models, observe, now } = this.deps;
    const canary = said.canary && models.standing(name, said.canary.version);
    if (said.canary === undefined || canary === undefined) return nothing;
    const other = this.isOwnStable(said.canary, canary) ? this.besides(canary) : said.canary.stable;
    const rule = { ...said, canary: { ...said.canary, ...(other === undefined ? {} : { stable: other }) } };
    const stable = models.standing(name, rule.canary.stable);
    // Once the alias has moved to the canary there is nothing left to try.
    if (stable === undefined || stable.identity.version === canary.identity.version) return nothing;
    const key = trialKey(rule.canary, canary, stable);
    if (before?.key === key) return { ...before, rules, rule };
    const versions = { canary: canary.identity.version, stable: stable.identity.version };
    const trial = new CanaryTrial(rule.canary, versions, now(), (what, report) => observe.decided(name, what, report));
    return { rules, rule, trial, key };
  }

  /** True where everybody would get the canary because it is the newest, and nobody has said that this is meant. */
  private isOwnStable({ stable }: CanaryRule, { identity: { name, version } }: Standing): boolean {
    const { models } = this.deps;
    if (stable !== undefined || models.standing(name, DEFAULT_ALIAS) !== undefined) return false;
    return models.standing(name, undefined)?.identity.version === version;
  }

  /** The newest version beside a canary; undefined where there is none. */
  private besides({ identity: { name, version } }: Standing): string | undefined {
    const { models, observe } = this.deps;
    const others = models.identities(name, undefined).filter((each) => each.version !== version);
    const stable = others.at(-1)?.version;
    observe.assumed(name, version, stable);
    return stable;
  }
}
