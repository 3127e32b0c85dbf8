import { performance } from 'node:perf_hooks';
import { callerKey } from '../../shared/caller-limits';
import type { ModelSignature } from '../backends/backend';
import type { ModelIdentity } from '../data-plane';
import { checkDeadline } from '../deadline';
import { clientGone } from '../errors';
import type { Answer } from '../registry';
import type { Infer, InferenceCall } from '../serving/layer';
import { checkInputs, chooseOutputs } from '../signature';
import type { Tensor } from '../tensors/tensor';
import type { Check } from './bounds';
import type { Plan } from './plan';
import type { Step, StepContext } from './step';

/** Told of each step: seconds that it took. */
export type StepObserver = (step: string, seconds: number) => void;

/** What a processor is made of. */
export interface ProcessorParts {
  readonly model: ModelIdentity;
  readonly plan: Pick<Plan, 'signature' | 'before' | 'inputs' | 'route'>;
  /** Bounds of inputs, by name. */
  readonly checks: ReadonlyMap<string, readonly Check[]>;
  readonly observe: StepObserver;
  /** Ends what its steps hold. */
  readonly release: () => Promise<void>;
}

type Tensors = Map<string, Tensor>;

/** The steps around one version of a model. Whoever uses it holds it: what its steps need ends when nobody does. */
export class Processor {
  private users = 0;
  private onIdle: (() => void) | undefined;
  private retiring: Promise<void> | undefined;

  constructor(private readonly parts: ProcessorParts) {}

  /** The version that it belongs to. */
  get model(): ModelIdentity {
    return this.parts.model;
  }

  /** What clients send and receive. */
  get signature(): ModelSignature {
    return this.parts.plan.signature;
  }

  /**
   * Answers a call by asking the model for what its steps take.
   *
   * @throws RequestError
   */
  async answer(call: InferenceCall, next: Infer): Promise<Answer> {
    this.users += 1;
    try {
      return await this.process(call, next);
    } finally {
      this.users -= 1;
      if (this.users === 0) this.onIdle?.();
    }
  }

  /** Waits until nobody uses it, and ends what its steps hold. */
  retire(): Promise<void> {
    this.retiring ??= this.end();
    return this.retiring;
  }

  private async end(): Promise<void> {
    if (this.users > 0) await new Promise<void>((resolve) => (this.onIdle = resolve));
    await this.parts.release();
  }

  private async process(call: InferenceCall, next: Infer): Promise<Answer> {
    const { plan, checks, model } = this.parts;
    const { request, signal } = call;
    checkInputs(request.inputs, this.signature);
    for (const tensor of request.inputs) for (const check of checks.get(tensor.name) ?? []) check(tensor);
    const wanted = chooseOutputs(request.outputs, this.signature);
    const caller = call.caller && callerKey(call.caller);
    const context = { signal, caller };
    const tensors = new Map(request.inputs.map((tensor) => [tensor.name, tensor]));
    await this.take(plan.before, tensors, context, request.deadline);
    const route = plan.route(wanted);
    const inputs = plan.inputs.map((name) => tensorOf(tensors, name));
    checkDeadline(request.deadline);
    const asked = { ...request, inputs, outputs: route.outputs };
    const answer = await next({ ...call, version: model.version, request: asked });
    const given = new Map(answer.outputs.map((tensor) => [tensor.name, tensor]));
    await this.take(route.steps, given, context, request.deadline);
    return { ...answer, outputs: wanted.map((name) => tensorOf(given, name)) };
  }

  private async take(steps: readonly Step[], tensors: Tensors, context: StepContext, deadline?: number): Promise<void> {
    for (const step of steps) {
      if (context.signal.aborted) throw clientGone();
      checkDeadline(deadline);
      const began = performance.now();
      const outputs = await step.run(
        step.inputs.map(({ name }) => tensorOf(tensors, name)),
        context,
      );
      this.parts.observe(step.label, (performance.now() - began) / 1000);
      for (const output of outputs) tensors.set(output.name, output);
    }
  }
}

function tensorOf(tensors: Tensors, name: string): Tensor {
  const tensor = tensors.get(name);
  if (tensor === undefined) throw new Error(`no tensor ${name} where the plan has one; this is a bug`);
  return tensor;
}
