import { setTimeout as delay } from 'node:timers/promises';
import { trace } from '@opentelemetry/api';
import { context } from '@opentelemetry/api';
import { signalOf } from '../../shared/cancellation';
import { RequestError } from '../../shared/errors';
import { inSpan } from '../../shared/tracing';
import { clientGone } from '../errors';
import type { Tensor } from '../tensors/tensor';
import { brokenPromise, isOfPipeline, stepFailed, stepLate } from './errors';
import { hold, isOver, within } from './frame';
import type { Deadline, Frame, Run, Scope } from './frame';
import type { PlannedStep } from './plan';
import { runNode } from './run-node';

/**
 * Failures after which a request may be sent again at once: it did not run, or what ran it is gone. A full queue is none of
 * them, as more of the same makes it worse, and neither is a timeout, as the first try may still be running.
 */
const PASSING = new Set(['LNMT8004', 'LNMT8206', 'LNMT8211']);
const PAUSE_MS = { first: 20, most: 500 } as const;

const isPassing = (error: unknown): boolean => error instanceof RequestError && PASSING.has(error.code);
const isGone = (error: unknown): boolean => error instanceof RequestError && error.code === clientGone().code;

/** The code of a failure, for metrics: that of the step itself, where the step of a pipeline carries another. */
function codeOf(error: unknown): string {
  return error instanceof RequestError ? error.code : 'LNMT8010';
}

function deadlineOf({ now }: Run, { path, timeoutMs }: PlannedStep, above: Deadline): Deadline {
  if (timeoutMs === undefined || now() + timeoutMs >= above.at) return above;
  return { at: now() + timeoutMs, late: () => stepLate(path, timeoutMs) };
}

function inputsOf({ takes }: PlannedStep, scope: Scope): readonly Tensor[] | undefined {
  const inputs: Tensor[] = [];
  for (const [own, around] of takes) {
    const tensor = scope.get(around);
    if (tensor === undefined) return undefined;
    inputs.push(own === around ? tensor : { ...tensor, name: own });
  }
  return inputs;
}

/** Asks a model, which has until the deadline of the step. */
async function ask(
  run: Run,
  { target, gives, path }: PlannedStep & { readonly target: { readonly kind: 'model' } },
  inputs: readonly Tensor[],
  { signal, deadline, trace: place }: Frame,
): Promise<readonly Tensor[]> {
  const { call } = run;
  const { id, priority, parameters, cache } = call.request;
  const wanted = gives.map(([own]) => own);
  const request = { id, inputs, outputs: wanted, deadline: deadline.at, priority, parameters, cache, trace: place };
  const { outputs } = await run.infer({ ...call, name: target.model, version: target.version, request, signal });
  return wanted.map((name) => {
    const output = outputs.find((each) => each.name === name);
    if (output === undefined) throw brokenPromise(path, name);
    return output;
  });
}

async function askPatiently(run: Run, step: PlannedStep, inputs: readonly Tensor[], frame: Frame) {
  const { target } = step;
  if (target.kind !== 'model') throw new TypeError('a node is not asked; this is a bug');
  for (let tries = 0, pause: number = PAUSE_MS.first; ; tries++, pause = Math.min(2 * pause, PAUSE_MS.most)) {
    try {
      return await ask(run, { ...step, target }, inputs, frame);
    } catch (error) {
      if (tries >= step.retries || !isPassing(error) || isOver(run, frame)) throw error;
      // Not all at the same moment, when many lost the same process.
      await delay(pause * (0.5 + run.random() / 2), undefined, { signal: signalOf(frame.signal) }).catch(
        () => undefined,
      );
      if (frame.signal.aborted) throw clientGone();
    }
  }
}

async function perform(run: Run, step: PlannedStep, inputs: readonly Tensor[], frame: Frame): Promise<Scope> {
  const { target, gives } = step;
  const inner = new Map(inputs.map((tensor) => [tensor.name, tensor]));
  const outputs =
    target.kind === 'model'
      ? new Map((await askPatiently(run, step, inputs, frame)).map((tensor) => [tensor.name, tensor]))
      : await runNode(run, target.node, inner, frame);
  if (target.kind === 'model') hold(run, [...outputs.values()]);
  const given = new Map<string, Tensor>();
  for (const [own, around] of gives) {
    const tensor = outputs.get(own);
    if (tensor) given.set(around, own === around ? tensor : { ...tensor, name: around });
  }
  return given;
}

/** The failure as the client sees it: with the step that it happened in, and no more. */
function named(error: unknown, path: string): unknown {
  return isOfPipeline(error) || isGone(error) ? error : stepFailed(path, error);
}

/**
 * Runs a step on what it takes of the tensors around it: within its time, in a span of its own, observed. Undefined where
 * a soft step before it left out what it takes.
 *
 * @throws RequestError that names the step
 */
export async function runStep(run: Run, step: PlannedStep, scope: Scope, frame: Frame): Promise<Scope | undefined> {
  const inputs = inputsOf(step, scope);
  if (inputs === undefined) return undefined;
  const { path, target } = step;
  const started = run.now();
  const attributes = {
    ...{ 'lnmt.pipeline': run.pipeline.name, 'lnmt.node': path },
    ...(target.kind === 'model' ? { 'lnmt.model': target.model } : { 'lnmt.node.kind': target.node.kind }),
  };
  let failure: string | undefined;
  try {
    const above = frame.trace ?? null;
    return await inSpan('node', above, { attributes }, (span) => {
      const placed = { ...frame, deadline: deadlineOf(run, step, frame.deadline) };
      const spanned = { ...placed, trace: trace.setSpan(above ?? context.active(), span) };
      return within(run, spanned, (inner) => perform(run, step, inputs, inner));
    });
  } catch (error) {
    failure = codeOf(error);
    throw named(error, path);
  } finally {
    run.observer.step(path, (run.now() - started) / 1000, failure);
  }
}
