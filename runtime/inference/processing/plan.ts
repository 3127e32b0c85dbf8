import type { ModelSignature } from '../backends/backend';
import type { TensorSpec } from '../tensors/tensor';
import { invalidProcessing } from './errors';
import { misfit } from './step';
import type { Step } from './step';
import type { ProcessingSettings } from './settings';
import type { AfterSettings, BeforeSettings } from './step-settings';

/** Makes steps from their settings and the tensors that they have to give, or may take. */
export interface StepMakers {
  /** @throws ModelError */
  before(settings: BeforeSettings, needed: ReadonlyMap<string, TensorSpec>): Promise<Step>;
  /** @throws ModelError */
  after(settings: AfterSettings, given: ReadonlyMap<string, TensorSpec>): Promise<Step>;
}

/** What is run for the outputs that a client wants. */
export interface Route {
  /** Outputs of the model. */
  readonly outputs: readonly string[];
  readonly steps: readonly Step[];
}

type Specs = Map<string, TensorSpec>;

const byName = (specs: readonly TensorSpec[]): Specs => new Map(specs.map((spec) => [spec.name, spec]));

/** Names the step in what its maker refuses. */
async function placed<T>(where: string, make: () => Promise<T>): Promise<T> {
  try {
    return await make();
  } catch (error) {
    if (error instanceof Error && 'what' in error) throw invalidProcessing(`${where}: ${String(error.what)}`);
    throw error;
  }
}

/** Steps before a model are put together from its inputs backwards: each gives what the ones after it take. */
async function planBefore(settings: readonly BeforeSettings[], inputs: readonly TensorSpec[], makers: StepMakers) {
  const needed = byName(inputs);
  const steps: Step[] = [];
  for (const [index, each] of [...settings.entries()].reverse()) {
    await placed(`before[${index}]`, async () => {
      const step = await makers.before(each, needed);
      for (const output of step.outputs) {
        const wanted = needed.get(output.name);
        if (wanted === undefined) throw invalidProcessing(`nobody takes ${JSON.stringify(output.name)}`);
        const fault = misfit(output, wanted);
        if (fault !== undefined) throw invalidProcessing(fault);
      }
      for (const { name } of step.outputs) needed.delete(name);
      for (const input of step.inputs) {
        const other = needed.get(input.name);
        const fault = other && misfit(input, other);
        if (fault !== undefined) throw invalidProcessing(fault);
        needed.set(input.name, input);
      }
      steps.unshift(step);
    });
  }
  return { steps, inputs: [...needed.values()] };
}

/** Steps after a model follow its outputs: each takes what the model or one before it gives. */
async function planAfter(settings: readonly AfterSettings[], outputs: readonly TensorSpec[], makers: StepMakers) {
  const given = byName(outputs);
  const steps: Step[] = [];
  for (const [index, each] of settings.entries()) {
    await placed(`after[${index}]`, async () => {
      const step = await makers.after(each, given);
      for (const input of step.inputs) {
        const found = given.get(input.name);
        if (found === undefined) throw invalidProcessing(`nobody gives ${JSON.stringify(input.name)}`);
        const fault = misfit(found, input);
        if (fault !== undefined) throw invalidProcessing(fault);
      }
      if (!step.keeps) for (const { name } of step.inputs) given.delete(name);
      for (const output of step.outputs) {
        if (given.has(output.name)) throw invalidProcessing(`two outputs have the name ${JSON.stringify(output.name)}`);
        given.set(output.name, output);
      }
      steps.push(step);
    });
  }
  return { steps, outputs: [...given.values()] };
}

/** The steps around a model, and what clients see of it. */
export class Plan {
  private constructor(
    /** What goes in and out when all steps are taken. */
    readonly signature: ModelSignature,
    /** Steps before the model. */
    readonly before: readonly Step[],
    private readonly after: readonly Step[],
    private readonly model: ModelSignature,
  ) {}

  /** Holds the steps to one another and to the model. @throws ModelError LNMT8364 */
  static async make(settings: ProcessingSettings, model: ModelSignature, makers: StepMakers): Promise<Plan> {
    const before = await planBefore(settings.before, model.inputs, makers);
    const after = await planAfter(settings.after, model.outputs, makers);
    const signature = { inputs: before.inputs, outputs: after.outputs };
    return new Plan(signature, before.steps, after.steps, model);
  }

  /** Inputs of the model itself. */
  get inputs(): readonly string[] {
    return this.model.inputs.map(({ name }) => name);
  }

  /** What has to be run for these outputs. */
  route(wanted: readonly string[]): Route {
    const needed = new Set(wanted);
    const steps: Step[] = [];
    for (const step of [...this.after].reverse()) {
      if (!step.outputs.some(({ name }) => needed.has(name))) continue;
      for (const { name } of step.outputs) needed.delete(name);
      for (const { name } of step.inputs) needed.add(name);
      steps.unshift(step);
    }
    const outputs = this.model.outputs.map(({ name }) => name).filter((name) => needed.has(name));
    return { outputs, steps };
  }
}
