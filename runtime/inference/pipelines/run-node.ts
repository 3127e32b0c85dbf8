import { Semaphore } from '../../shared/semaphore';
import type { Tensor } from '../tensors/tensor';
import { combine } from './run-ensemble';
import { matches } from './condition';
import { noBranch } from './errors';
import { isOver, within } from './frame';
import type { Frame, Run, Scope } from './frame';
import { PIPELINE_LIMITS } from './limits';
import type { PlannedNode, PlannedStep } from './plan';
import { runStep } from './run-step';
import { chooseBranch } from './split';

type Of<K extends PlannedNode['kind']> = PlannedNode & { readonly kind: K };

const NOTHING: Scope = new Map();
const DONE = Promise.resolve();

/** A step that may fail: undefined when it did, and the rest is still of use. */
async function attempt(run: Run, step: PlannedStep, scope: Scope, frame: Frame): Promise<Scope | undefined> {
  try {
    return await runStep(run, step, scope, frame);
  } catch (error) {
    if (!step.soft || isOver(run, frame)) throw error;
    return undefined;
  }
}

/** Runs each step as soon as the steps are over that it needs. */
async function sequence(run: Run, node: Of<'sequence'>, scope: Scope, frame: Frame): Promise<Scope> {
  const tensors = new Map(scope);
  const turns = new Semaphore(PIPELINE_LIMITS.branches);
  const over: Promise<void>[] = [];
  for (const step of node.steps) {
    const before = Promise.all(step.after.map((place) => over[place] ?? DONE));
    const work = async (): Promise<void> => {
      for (const [name, tensor] of (await attempt(run, step, tensors, frame)) ?? NOTHING) tensors.set(name, tensor);
    };
    over.push(before.then(() => turns.run(work)));
  }
  await Promise.all(over);
  return pick(tensors, node.outputs);
}

function pick(tensors: Scope, names: readonly string[]): Scope {
  const picked = new Map<string, Tensor>();
  for (const name of names) {
    const tensor = tensors.get(name);
    if (tensor) picked.set(name, tensor);
  }
  return picked;
}

async function take(run: Run, branch: PlannedStep, scope: Scope, frame: Frame): Promise<Scope> {
  run.observer.branch(branch.path);
  return (await runStep(run, branch, scope, frame)) ?? NOTHING;
}

async function choose(run: Run, node: Of<'switch'>, scope: Scope, frame: Frame): Promise<Scope> {
  const seen = { call: run.call, tensors: scope };
  const branch = node.branches.find(({ when }) => matches(when, seen)) ?? node.otherwise;
  if (branch === undefined) throw noBranch(node.name);
  return take(run, branch, scope, frame);
}

async function ensemble(run: Run, node: Of<'ensemble'>, scope: Scope, frame: Frame): Promise<Scope> {
  const answers = await Promise.all(node.branches.map((branch) => answerOf(run, branch, scope, frame)));
  return combine(node, answers, frame.signal);
}

/** What a soft branch failed with is kept: it counts when no other answers. */
async function answerOf(
  run: Run,
  branch: PlannedStep,
  scope: Scope,
  frame: Frame,
): Promise<Scope | { readonly error: unknown }> {
  try {
    return (await runStep(run, branch, scope, frame)) ?? NOTHING;
  } catch (error) {
    if (!branch.soft || isOver(run, frame)) throw error;
    return { error };
  }
}

/** Asks one branch after the other until one answers. */
async function fallback(run: Run, node: Of<'fallback'>, scope: Scope, frame: Frame): Promise<Scope> {
  let last: unknown = noBranch(node.name);
  for (const branch of node.branches) {
    try {
      return await take(run, branch, scope, frame);
    } catch (error) {
      if (isOver(run, frame)) throw error;
      last = error;
    }
  }
  throw last;
}

function rename({ tensors }: Of<'map'>, scope: Scope): Scope {
  const renamed = new Map<string, Tensor>();
  for (const [name, from] of tensors) {
    const tensor = scope.get(from);
    if (tensor) renamed.set(name, { ...tensor, name });
  }
  return renamed;
}

/**
 * Runs a node on the tensors that it takes, and returns those that it gives. When it fails, what it began is given up.
 *
 * @throws RequestError
 */
export function runNode(run: Run, node: PlannedNode, scope: Scope, frame: Frame): Promise<Scope> {
  switch (node.kind) {
    case 'map':
      return Promise.resolve(rename(node, scope));
    case 'sequence':
      return within(run, frame, (inner) => sequence(run, node, scope, inner));
    case 'ensemble':
      return within(run, frame, (inner) => ensemble(run, node, scope, inner));
    case 'switch':
      return choose(run, node, scope, frame);
    case 'splitter':
      return take(run, chooseBranch(run, node), scope, frame);
    case 'fallback':
      return fallback(run, node, scope, frame);
  }
}
