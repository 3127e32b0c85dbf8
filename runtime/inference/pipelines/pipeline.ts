import { RequestError } from '../../shared/errors';
import type { ModelSignature } from '../backends/backend';
import type { Answer } from '../registry';
import type { LocalService } from '../serving/service';
import { checkInputs, chooseOutputs } from '../signature';
import type { Tensor } from '../tensors/tensor';
import { checkPipeline } from './check';
import type { CheckResult } from './check';
import type { ModelFacts } from './check-step';
import { outputMissing, pipelineLate, pipelineNotReady } from './errors';
import { within } from './frame';
import type { Frame, Run } from './frame';
import { nodeReady } from './plan';
import { problemText } from './problems';
import type { Problem } from './problems';
import { runNode } from './run-node';
import { modelsOf } from './spec';
import type { PipelineSpec } from './spec';

/** What pipelines ask of the models. */
export type ModelView = Pick<LocalService, 'describe' | 'isReady'>;

const WITHDRAWN = 'unloaded';
/** What is not known yet, in the words of a model that is not served and of one that is not loaded. */
const ABSENT = 'LNMT8202';

/** One pipeline: held to its models whenever one of them changes, and run. */
export class Pipeline {
  /** True after it was unloaded on request. */
  withdrawn = false;
  private seen: readonly unknown[] | undefined;
  private result: CheckResult = { state: 'waiting', model: '' };
  private readonly models: ReturnType<typeof modelsOf>;

  /**
   * @param models what is known of the models
   * @param changed told of each new result of a check
   */
  constructor(
    readonly spec: PipelineSpec,
    private readonly view: ModelView,
    private readonly changed: (pipeline: Pipeline, result: CheckResult) => void,
  ) {
    this.models = modelsOf(spec);
  }

  /** Whether it fits its models as they are now. Looks at each model, and checks again only when one has changed. */
  check(): CheckResult {
    const facts = this.models.map(({ name, version }) => this.factsOf(name, version));
    const seen = facts.flatMap((each): readonly unknown[] =>
      typeof each === 'string' ? [each, each] : [each.inputs, each.outputs],
    );
    if (this.seen?.every((each, index) => each === seen[index]) === true) return this.result;
    this.seen = seen;
    const known = new Map(this.models.map(({ name, version }, index) => [keyOf(name, version), facts[index]]));
    this.result = checkPipeline(this.spec, (name, version) => known.get(keyOf(name, version)) ?? 'unknown');
    this.changed(this, this.result);
    return this.result;
  }

  /** Everything that is wrong with it, as far as that is known. */
  get problems(): readonly Problem[] {
    const result = this.check();
    return result.state === 'wrong' ? result.problems : [];
  }

  /** Why it is not ready; empty when it is. */
  get reason(): string {
    if (this.withdrawn) return WITHDRAWN;
    const result = this.check();
    if (result.state === 'wrong') return result.problems.map(problemText).join('; ');
    if (result.state === 'waiting') return `the model ${JSON.stringify(result.model)} is not loaded yet`;
    const ready = nodeReady(result.plan, (model, version) => this.modelReady(model, version));
    return ready ? '' : 'one of its models is not ready';
  }

  /** True when a request would be answered now. */
  get ready(): boolean {
    return this.reason === '';
  }

  /** What it takes and gives. @throws RequestError while that is not known */
  describe(): ModelSignature {
    const result = this.withdrawn ? undefined : this.check();
    if (result?.state !== 'fits') throw pipelineNotReady(this.shortReason);
    return result.signature;
  }

  /** Answers a request. @throws RequestError */
  async infer(run: Run): Promise<Answer> {
    const { call, now } = run;
    const result = this.withdrawn ? undefined : this.check();
    if (result?.state !== 'fits') throw pipelineNotReady(this.shortReason);
    const { request } = call;
    checkInputs(request.inputs, result.signature);
    const names = chooseOutputs(request.outputs, result.signature);
    const { name, version, timeoutMs } = this.spec;
    const began = now();
    const at = Math.min(began + timeoutMs, request.deadline ?? Infinity);
    const deadline = { at, late: () => pipelineLate(Math.max(0, Math.ceil(at - began))) };
    const frame: Frame = { signal: call.signal, deadline, trace: request.trace };
    const scope = new Map(request.inputs.map((tensor) => [tensor.name, tensor]));
    const given = await within(run, frame, (inner) => runNode(run, result.plan, scope, inner));
    const outputs: Tensor[] = [];
    for (const wanted of names) {
      const tensor = given.get(wanted);
      if (tensor !== undefined) outputs.push(tensor);
      else if (request.outputs !== undefined) throw outputMissing(wanted);
    }
    return { model: { name, version }, outputs };
  }

  /** The reason for callers: what is wrong stands in the index and the log, and callers need not know models. */
  private get shortReason(): string {
    if (this.withdrawn) return WITHDRAWN;
    const [problem] = this.problems;
    return problem === undefined ? 'a model is not loaded yet' : `it does not fit its models (${problem.code})`;
  }

  private modelReady(name: string, version: string | undefined): boolean {
    try {
      return this.view.isReady(name, version);
    } catch (error) {
      if (error instanceof RequestError) return false;
      throw error;
    }
  }

  private factsOf(name: string, version: string | undefined): ModelFacts {
    try {
      return this.view.describe(name, version);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      if (error.code !== ABSENT) return 'unknown';
      // Before the versions of a model are listed, none of them is known by its name.
      return version !== undefined && this.factsOf(name, undefined) === 'unknown' ? 'unknown' : 'absent';
    }
  }
}

const keyOf = (name: string, version: string | undefined): string => JSON.stringify([name, version]);
