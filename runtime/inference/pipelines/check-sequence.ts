import { checkStep, misfit, take } from './check-step';
import type { CheckContext, Checked, Given, Taken } from './check-step';
import type { PlannedNode, PlannedStep } from './plan';
import { quote } from './problems';
import type { Problems } from './problems';
import type { NodeSpec } from './spec';
import { both } from './tensor-type';

type Step = Checked<PlannedStep>;
type Producers = ReadonlyMap<string, Step>;

function producersOf(steps: readonly Step[], problems: Problems): Producers {
  const producers = new Map<string, Step>();
  for (const step of steps) {
    for (const name of step.gives.keys()) {
      const before = producers.get(name);
      if (before === undefined) producers.set(name, step);
      else {
        const pair = `steps ${quote(before.plan.path)} and ${quote(step.plan.path)}`;
        problems.add('LNMT8356', `tensor ${quote(name)} is given by two: ${pair}`);
      }
    }
  }
  return producers;
}

/** Steps in an order in which none comes before one that it needs; undefined where there is none. */
function ordered(steps: readonly Step[], producers: Producers, problems: Problems): readonly Step[] | undefined {
  const placed = new Set<Step>();
  const waitsFor = (step: Step): string | undefined =>
    [...step.takes.keys()].find((name) => {
      const producer = producers.get(name);
      return producer !== undefined && !placed.has(producer);
    });
  while (placed.size < steps.length) {
    const next = steps.find((step) => !placed.has(step) && waitsFor(step) === undefined);
    if (next === undefined) break;
    placed.add(next);
  }
  const stuck = steps.filter((step) => !placed.has(step));
  const [first] = stuck;
  if (first === undefined) return [...placed];
  const names = stuck.map(({ plan }) => quote(plan.path)).join(', ');
  problems.add('LNMT8353', `steps ${names} wait for one another: tensor ${quote(waitsFor(first) ?? '')}`);
  return undefined;
}

/** What the steps have resolved so far. */
interface Progress {
  readonly problems: Problems;
  readonly given: Map<string, Given>;
  readonly takes: Map<string, Taken>;
  readonly consumed: Set<string>;
}

/** Holds what a step takes to what gives it. */
function connect(step: Step, { problems, given, takes, consumed }: Progress): void {
  const { plan } = step;
  for (const [name, taken] of step.takes) {
    const source = given.get(name);
    if (source === undefined) {
      take(takes, name, taken, problems);
      continue;
    }
    consumed.add(name);
    if (both(source.type, taken.type) === undefined) misfit(problems, name, [source, 'gives'], [taken, 'takes']);
    else if (source.same !== undefined) take(takes, source.same, taken, problems);
    if (source.sure || plan.soft) continue;
    const who = `step ${quote(plan.path)} needs the tensor ${quote(name)}`;
    problems.add('LNMT8358', `${who}, which the soft step ${quote(source.by)} may not give`);
  }
  for (const [name, { same, ...rest }] of step.gives) {
    const source = same === undefined ? undefined : given.get(same);
    // What is given again is what was taken, here or outside.
    const type = source === undefined ? rest.type : (both(rest.type, source.type) ?? rest.type);
    given.set(name, { ...rest, type, same: source === undefined ? same : source.same });
  }
}

function outputsOf(
  name: string,
  wanted: readonly string[] | undefined,
  { given, consumed, problems }: Progress,
): readonly string[] {
  const loose = [...given.keys()].filter((tensor) => !consumed.has(tensor));
  if (wanted === undefined) return loose;
  for (const tensor of wanted) {
    if (!given.has(tensor)) problems.add('LNMT8354', `node ${quote(name)}: no step gives the output ${quote(tensor)}`);
  }
  for (const tensor of loose.filter((each) => !wanted.includes(each))) {
    const by = quote(given.get(tensor)?.by ?? name);
    problems.add('LNMT8357', `step ${by}: nothing takes the tensor ${quote(tensor)}`);
  }
  return wanted.filter((tensor) => given.has(tensor));
}

/** Holds the steps of a sequence to one another. */
export function checkSequence(
  context: CheckContext,
  name: string,
  spec: NodeSpec & { readonly kind: 'sequence' },
): Checked<PlannedNode> | undefined {
  const { problems } = context;
  const found = spec.steps.map((step) => checkStep(context, name, step));
  const steps = found.filter((each) => each !== undefined);
  if (steps.length < found.length) return undefined;
  const producers = producersOf(steps, problems);
  const order = ordered(steps, producers, problems);
  if (order === undefined) return undefined;
  const progress: Progress = { problems, given: new Map(), takes: new Map(), consumed: new Set() };
  for (const step of order) connect(step, progress);
  const outputs = outputsOf(name, spec.outputs, progress);
  const planned = order.map((step) => {
    const needed = [...step.takes.keys()].map((tensor) => order.findIndex((each) => each === producers.get(tensor)));
    return { ...step.plan, after: [...new Set(needed)].filter((place) => place >= 0) };
  });
  const gives = new Map([...progress.given].filter(([tensor]) => outputs.includes(tensor)));
  return { plan: { kind: 'sequence', name, steps: planned, outputs }, takes: progress.takes, gives };
}
