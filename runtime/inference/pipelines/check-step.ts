import type { ModelSignature } from '../backends/backend';
import type { PlannedNode, PlannedStep, Rename } from './plan';
import { quote } from './problems';
import type { Problems } from './problems';
import type { NodeSpec, PipelineSpec, StepSpec } from './spec';
import { both, typeOf, typeText } from './tensor-type';
import type { TensorType } from './tensor-type';

/** A tensor that something takes, and what takes it. */
export interface Taken {
  readonly type: TensorType;
  readonly by: string;
}

/** A tensor that something gives. */
export interface Given {
  readonly type: TensorType;
  readonly by: string;
  /** False where it is missing when a soft step fails. */
  readonly sure: boolean;
  /** What is taken under this name is given again, so that both are of one type. @default - it is another tensor */
  readonly same?: string | undefined;
}

/** What a part of a pipeline takes and gives. */
export interface Edges {
  readonly takes: ReadonlyMap<string, Taken>;
  readonly gives: ReadonlyMap<string, Given>;
}

/** A step or node, and its edges. */
export type Checked<P> = Edges & { readonly plan: P };

/** What is known of a model: its signature, that there is none, or that nobody knows yet. */
export type ModelFacts = ModelSignature | 'absent' | 'unknown';

/** What checking goes by. */
export interface CheckContext {
  readonly pipeline: PipelineSpec;
  readonly problems: Problems;
  readonly facts: (model: string, version: string | undefined) => ModelFacts;
  /** Checks a node of the pipeline. */
  readonly node: (context: CheckContext, name: string, spec: NodeSpec) => Checked<PlannedNode> | undefined;
}

function edgesOfModel({ inputs, outputs }: ModelSignature, by: string): Edges {
  return {
    takes: new Map(inputs.map((spec) => [spec.name, { type: typeOf(spec), by }])),
    gives: new Map(outputs.map((spec) => [spec.name, { type: typeOf(spec), by, sure: true }])),
  };
}

function targetOf(
  context: CheckContext,
  { target }: StepSpec,
  path: string,
): { readonly own: Edges; readonly target: PlannedStep['target'] } | undefined {
  if (target.kind === 'node') {
    const spec = context.pipeline.nodes[target.node];
    const checked = spec && context.node(context, target.node, spec);
    return checked && { own: checked, target: { kind: 'node', node: checked.plan } };
  }
  const { model, version } = target;
  const facts = context.facts(model, version);
  if (facts === 'absent') {
    const which = version === undefined ? quote(model) : `${quote(model)} version ${quote(version)}`;
    context.problems.add('LNMT8352', `step ${quote(path)}: the model ${which} is not served here`);
  }
  return typeof facts === 'string' ? undefined : { own: edgesOfModel(facts, path), target };
}

/** The names around a target for each of its own; a map may name only what there is. */
function renames(
  own: ReadonlyMap<string, unknown>,
  map: Readonly<Record<string, string>> | undefined,
  side: 'input' | 'output',
  { path, problems }: { readonly path: string; readonly problems: Problems },
): readonly Rename[] {
  for (const name of Object.keys(map ?? {})) {
    if (own.has(name)) continue;
    const there = [...own.keys()].map(quote).join(', ');
    problems.add('LNMT8354', `step ${quote(path)}: there is no ${side} ${quote(name)}; there is ${there || 'none'}`);
  }
  if (map !== undefined && side === 'output') return Object.entries(map).filter(([name]) => own.has(name));
  return [...own.keys()].map((name) => [name, map?.[name] ?? name]);
}

/** Holds a step to what it runs. Undefined where it runs nothing that is known. */
export function checkStep(context: CheckContext, nodeName: string, step: StepSpec): Checked<PlannedStep> | undefined {
  const { problems } = context;
  const path = `${nodeName}/${step.name}`;
  const found = targetOf(context, step, path);
  if (found === undefined) return undefined;
  const { own, target } = found;
  const at = { path, problems };
  const inputs = renames(own.takes, step.inputs, 'input', at);
  const outputs = renames(own.gives, step.outputs, 'output', at);
  if (target.kind === 'node') {
    const kept = new Set(outputs.map(([name]) => name));
    const lost = [...own.gives.keys()].find((name) => !kept.has(name));
    if (lost !== undefined) problems.add('LNMT8357', `step ${quote(path)}: nothing takes the output ${quote(lost)}`);
  }
  const takes = new Map<string, Taken>();
  const gives = new Map<string, Given>();
  for (const [name, around] of inputs) {
    const taken = own.takes.get(name);
    if (taken) take(takes, around, taken, problems);
  }
  for (const [name, around] of outputs) {
    const given = own.gives.get(name);
    if (gives.has(around)) problems.add('LNMT8356', `step ${quote(path)} gives the tensor ${quote(around)} twice`);
    const same = inputs.find(([inner]) => inner === given?.same)?.[1];
    if (given) gives.set(around, { type: given.type, by: path, sure: given.sure && !step.soft, same });
  }
  const { name, timeoutMs, retries, soft } = step;
  return { plan: { path, name, target, takes: inputs, gives: outputs, timeoutMs, retries, soft }, takes, gives };
}

type End = readonly [end: { readonly type: TensorType; readonly by: string }, verb: 'gives' | 'takes'];

/** Notes that the two ends of an edge do not fit. */
export function misfit(problems: Problems, tensor: string, ...ends: readonly End[]): void {
  const sides = ends.map(([{ type, by }, verb]) => `${by} ${verb} ${typeText(type)}`).join(', ');
  problems.add('LNMT8355', `tensor ${quote(tensor)}: ${sides}`);
}

/** One more that takes a tensor: what it is has to fit all who take it. */
export function take(takes: Map<string, Taken>, name: string, taken: Taken, problems: Problems): void {
  const before = takes.get(name);
  const type = before === undefined ? taken.type : both(before.type, taken.type);
  if (type !== undefined) takes.set(name, { type, by: before?.by ?? taken.by });
  else if (before) misfit(problems, name, [before, 'takes'], [taken, 'takes']);
}
