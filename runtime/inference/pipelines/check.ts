import type { ModelSignature } from '../backends/backend';
import type { TensorSpec } from '../tensors/tensor';
import { checkNode } from './check-node';
import { misfit } from './check-step';
import type { CheckContext, Checked, Given, ModelFacts, Taken } from './check-step';
import type { PlannedNode } from './plan';
import { Problems, quote } from './problems';
import type { Problem } from './problems';
import type { DeclaredTensor, PipelineSpec } from './spec';
import { both, typeText } from './tensor-type';
import type { TensorType } from './tensor-type';

/** A pipeline that was held to its models: it fits, it does not, or nobody knows before some model is known. */
export type CheckResult =
  | { readonly state: 'fits'; readonly plan: PlannedNode; readonly signature: ModelSignature }
  | { readonly state: 'wrong'; readonly problems: readonly Problem[] }
  | { readonly state: 'waiting'; readonly model: string };

/** Tells what is known of a model. */
export type Facts = (model: string, version: string | undefined) => ModelFacts;

const declaredType = ({ datatype, shape }: DeclaredTensor): TensorType => ({
  datatypes: datatype && [datatype],
  shape,
});

/** What stands in the metadata: one datatype. */
function specOf(name: string, type: TensorType, problems: Problems): TensorSpec | undefined {
  const [datatype, another] = type.datatypes ?? [];
  if (datatype !== undefined && another === undefined) return { name, datatype, shape: type.shape };
  const what = `tensor ${quote(name)} may be ${typeText(type)}; state the datatype in the pipeline`;
  problems.add('LNMT8355', what);
  return undefined;
}

type Sources = ReadonlyMap<string, TensorType>;

/** Inputs of the pipeline, held to what its nodes take. */
function inputsOf(spec: PipelineSpec, takes: ReadonlyMap<string, Taken>, problems: Problems): Sources {
  const types = new Map<string, TensorType>();
  for (const declared of spec.inputs) {
    const taken = takes.get(declared.name);
    const own = { type: declaredType(declared), by: 'the pipeline' };
    const type = taken && both(own.type, taken.type);
    if (taken === undefined) problems.add('LNMT8357', `nothing takes the input ${quote(declared.name)}`);
    else if (type === undefined) misfit(problems, declared.name, [own, 'gives'], [taken, 'takes']);
    else types.set(declared.name, type);
  }
  const names = new Set(spec.inputs.map(({ name }) => name));
  for (const [name, { by }] of takes) {
    if (!names.has(name)) problems.add('LNMT8354', `nothing gives the tensor ${quote(name)}, which ${by} takes`);
  }
  return types;
}

/** Outputs of the pipeline, held to what its nodes give. */
function outputsOf(
  spec: PipelineSpec,
  gives: ReadonlyMap<string, Given>,
  inputs: Sources,
  problems: Problems,
): Sources {
  const types = new Map<string, TensorType>();
  for (const declared of spec.outputs) {
    const given = gives.get(declared.name);
    const own = { type: declaredType(declared), by: 'the pipeline' };
    if (given === undefined) {
      problems.add('LNMT8354', `nothing gives the output ${quote(declared.name)}`);
      continue;
    }
    const source = given.same === undefined ? undefined : inputs.get(given.same);
    const known = source === undefined ? given.type : both(given.type, source);
    const type = known && both(known, own.type);
    if (type === undefined) misfit(problems, declared.name, [given, 'gives'], [own, 'takes']);
    else types.set(declared.name, type);
  }
  const names = new Set(spec.outputs.map(({ name }) => name));
  for (const [name, { by }] of gives) {
    if (!names.has(name)) problems.add('LNMT8357', `step ${quote(by)}: nothing takes the tensor ${quote(name)}`);
  }
  return types;
}

function judge(spec: PipelineSpec, root: Checked<PlannedNode>, problems: Problems): ModelSignature {
  const inputs = inputsOf(spec, root.takes, problems);
  const outputs = outputsOf(spec, root.gives, inputs, problems);
  const specs = (types: Sources): readonly TensorSpec[] =>
    [...types].map(([name, type]) => specOf(name, type, problems)).filter((each) => each !== undefined);
  return { inputs: specs(inputs), outputs: specs(outputs) };
}

/** Holds a pipeline to the signatures of its models: every edge, and everything that is wrong with them. */
export function checkPipeline(spec: PipelineSpec, facts: Facts): CheckResult {
  const problems = new Problems(`pipeline ${quote(spec.name)}: `);
  let unknown: string | undefined;
  const context: CheckContext = {
    ...{ pipeline: spec, problems, node: checkNode },
    facts: (model, version) => {
      const found = facts(model, version);
      if (found === 'unknown') unknown ??= model;
      return found;
    },
  };
  const root = spec.nodes[spec.root];
  const checked = root && checkNode(context, spec.root, root);
  const signature = checked && unknown === undefined ? judge(spec, checked, problems) : undefined;
  if (problems.list.length > 0) return { state: 'wrong', problems: problems.list };
  if (checked === undefined || signature === undefined) return { state: 'waiting', model: unknown ?? '' };
  return { state: 'fits', plan: checked.plan, signature };
}
