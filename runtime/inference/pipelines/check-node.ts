import { checkSequence } from './check-sequence';
import { checkStep, misfit, take } from './check-step';
import type { CheckContext, Checked, Edges, Given, Taken } from './check-step';
import { conditionTensors } from './condition';
import type { PlannedNode, PlannedStep } from './plan';
import { quote } from './problems';
import type { Problems } from './problems';
import { stepsOf } from './spec';
import type { NodeSpec } from './spec';
import { both, DISCRETE, either, FLOATS, ofDatatypes } from './tensor-type';
import type { TensorType } from './tensor-type';

type Branch = Checked<PlannedStep>;

/** Everything that branches take; each has to fit, as nobody knows which will run. */
function takesOf(branches: readonly Edges[], problems: Problems): Map<string, Taken> {
  const takes = new Map<string, Taken>();
  for (const branch of branches) for (const [name, taken] of branch.takes) take(takes, name, taken, problems);
  return takes;
}

/** A branch that gives what it takes gives what all of them take. */
function resolved(branch: Branch, takes: ReadonlyMap<string, Taken>): Branch {
  const gives = [...branch.gives].map(([name, given]) => {
    const source = given.same === undefined ? undefined : takes.get(given.same);
    return [name, source ? { ...given, type: both(given.type, source.type) ?? given.type } : given] as const;
  });
  return { ...branch, gives: new Map(gives) };
}

type Together = (a: TensorType, b: TensorType) => TensorType | undefined;

/** What branches give that stand for one another: the same tensors. */
function alike(branches: readonly Branch[], node: string, together: Together, problems: Problems): Map<string, Given> {
  const [first, ...others] = branches;
  const gives = new Map(first?.gives);
  for (const other of others) {
    for (const [a, b] of [
      [first, other],
      [other, first],
    ]) {
      const lost = [...(a?.gives.keys() ?? [])].find((name) => !b?.gives.has(name));
      if (a === undefined || b === undefined || lost === undefined) continue;
      const what = `step ${quote(b.plan.path)} does not give the tensor ${quote(lost)}, which ${quote(a.plan.path)} gives`;
      problems.add('LNMT8354', `${what}; branches of ${quote(node)} give the same`);
    }
    for (const [name, given] of other.gives) {
      const before = gives.get(name);
      if (before === undefined) continue;
      const type = together(before.type, given.type);
      if (type === undefined) misfit(problems, name, [before, 'gives'], [given, 'gives']);
      else gives.set(name, { type, by: node, sure: before.sure && given.sure });
    }
  }
  return gives;
}

/** What branches give that stand beside one another: different tensors. */
function merged(branches: readonly Branch[], problems: Problems): Map<string, Given> {
  const gives = new Map<string, Given>();
  for (const [name, given] of branches.flatMap((branch) => [...branch.gives])) {
    const before = gives.get(name);
    if (before) problems.add('LNMT8356', `tensor ${quote(name)} is given by ${before.by} and by ${given.by}`);
    else gives.set(name, given);
  }
  return gives;
}

/** A branch that gives what it takes holds what it takes to what the branches give together. */
function bind(
  branches: readonly Branch[],
  gives: ReadonlyMap<string, Given>,
  takes: Map<string, Taken>,
  to: Problems,
): void {
  for (const [name, { same, by }] of branches.flatMap((branch) => [...branch.gives])) {
    const given = gives.get(name);
    if (same !== undefined && given !== undefined) take(takes, same, { type: given.type, by }, to);
  }
}

function combined(
  { combine }: NodeSpec & { readonly kind: 'ensemble' },
  branches: readonly Branch[],
  name: string,
  problems: Problems,
): Map<string, Given> {
  if (combine === 'merge') return merged(branches, problems);
  const wanted = ofDatatypes(combine === 'mean' ? FLOATS : DISCRETE);
  const gives = alike(branches, name, both, problems);
  for (const [tensor, given] of gives) {
    const needs = { type: wanted, by: `${combine} of ${quote(name)}` };
    if (both(given.type, wanted) === undefined) misfit(problems, tensor, [given, 'gives'], [needs, 'takes']);
    // It fails when none of its branches answers, so that what it gives is there.
    gives.set(tensor, { ...given, sure: true });
  }
  return gives;
}

function checkMap(name: string, { tensors }: NodeSpec & { readonly kind: 'map' }): Checked<PlannedNode> {
  const renames = Object.entries(tensors);
  const anything = ofDatatypes(undefined);
  return {
    plan: { kind: 'map', name, tensors: renames },
    takes: new Map(renames.map(([, from]) => [from, { type: anything, by: name }])),
    gives: new Map(renames.map(([to, from]) => [to, { type: anything, by: name, sure: true, same: from }])),
  };
}

/** Holds a node to what its steps run, and its steps to one another. */
export function checkNode(context: CheckContext, name: string, spec: NodeSpec): Checked<PlannedNode> | undefined {
  if (spec.kind === 'map') return checkMap(name, spec);
  if (spec.kind === 'sequence') return checkSequence(context, name, spec);
  const { problems } = context;
  const found = stepsOf(spec).map((step) => checkStep(context, name, step));
  const known = found.filter((each) => each !== undefined);
  if (known.length < found.length) return undefined;
  const takes = takesOf(known, problems);
  const branches = known.map((branch) => resolved(branch, takes));
  const plans = branches.map(({ plan }) => plan);
  const weighted = (of: readonly { readonly weight: number }[]) =>
    plans.map((plan, index) => ({ ...plan, weight: of[index]?.weight ?? 0 }));
  if (spec.kind === 'ensemble') {
    const gives = combined(spec, branches, name, problems);
    bind(branches, gives, takes, problems);
    return { plan: { ...spec, name, branches: weighted(spec.branches) }, takes, gives };
  }
  const gives = alike(branches, name, either, problems);
  bind(branches, gives, takes, problems);
  if (spec.kind === 'splitter') return { plan: { ...spec, name, branches: weighted(spec.branches) }, takes, gives };
  if (spec.kind === 'fallback') return { plan: { ...spec, name, branches: plans }, takes, gives };
  for (const { when } of spec.branches) {
    for (const [tensor, type] of conditionTensors(when)) take(takes, tensor, { type, by: name }, problems);
  }
  const conditional = spec.branches.flatMap(({ when }, index) => {
    const plan = plans[index];
    return plan === undefined ? [] : [{ ...plan, when }];
  });
  const otherwise = spec.otherwise && plans.at(-1);
  return { plan: { kind: 'switch', name, branches: conditional, otherwise }, takes, gives };
}
