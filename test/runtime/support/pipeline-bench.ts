import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import { RequestError } from '../../../runtime/shared/errors';
import type { ModelSignature } from '../../../runtime/inference/backends/backend';
import { clientGone, unknownModel } from '../../../runtime/inference/errors';
import { Pipelines } from '../../../runtime/inference/pipelines';
import type { PipelinesDeps } from '../../../runtime/inference/pipelines/pipelines';
import { parsePipelines } from '../../../runtime/inference/pipelines/read-file';
import type { PipelineSpec } from '../../../runtime/inference/pipelines';
import { notLoaded } from '../../../runtime/inference/registry/errors';
import type { Answer } from '../../../runtime/inference/registry';
import type { Infer, InferenceCall, Layer } from '../../../runtime/inference/serving/layer';
import { layered } from '../../../runtime/inference/serving/layer';
import type { LocalService } from '../../../runtime/inference/serving/service';
import { checkInputs, chooseOutputs } from '../../../runtime/inference/signature';
import { packElements } from '../../../runtime/inference/tensors/elements';
import type { Datatype, Tensor, TensorSpec } from '../../../runtime/inference/tensors/tensor';
import { signalOf } from '../../../runtime/shared/cancellation';

/** A model of a bench: what it says, and what it does. */
export interface BenchModel {
  signature: ModelSignature;
  ready: boolean;
  /** True while nobody knows what it takes. */
  pending?: boolean;
  run: (inputs: ReadonlyMap<string, Tensor>, call: InferenceCall) => readonly Tensor[] | Promise<readonly Tensor[]>;
  calls: InferenceCall[];
}

/** `FP32 [-1,2]` as `spec('x', 'FP32', -1, 2)`. */
export const spec = (name: string, datatype: Datatype, ...shape: number[]): TensorSpec => ({ name, datatype, shape });

/** A tensor of one axis. */
export function tensor(name: string, datatype: Datatype, values: readonly unknown[], shape?: number[]): Tensor {
  return { name, datatype, shape: shape ?? [values.length], data: packElements(datatype, values) };
}

/** A tensor of one axis of floats. */
export const floats = (name: string, ...values: number[]): Tensor => tensor(name, 'FP32', values);

/** The floats of a tensor. */
export const numbersOf = ({ data }: Tensor): number[] => [...new Float32Array(Uint8Array.from(data).buffer)];

/** Reads pipelines that are right. */
export function pipelinesOf(...pipelines: readonly object[]): readonly PipelineSpec[] {
  const read = parsePipelines(JSON.stringify({ pipelines }));
  if (read.problems.length > 0) throw new Error(read.problems.join('\n'));
  return read.pipelines;
}

/** A call with these inputs. */
export function callOf(name: string, inputs: readonly Tensor[], more: Partial<InferenceCall> = {}): InferenceCall {
  return {
    ...{ name, version: undefined, request: { id: undefined, inputs, outputs: undefined } },
    ...{ signal: new AbortController().signal, caller: undefined, attribute: () => undefined },
    ...more,
  };
}

/** Waits as a model does that a caller may leave. */
export const busy = (ms: number, { signal }: InferenceCall): Promise<void> =>
  delay(ms, undefined, { signal: signalOf(signal) }).catch(() => {
    throw clientGone();
  });

/** Pipelines over models in memory, each a function. */
export class PipelineBench {
  readonly models = new Map<string, BenchModel>();
  readonly steps: (readonly [path: string, failure: string | undefined])[] = [];
  readonly branches: string[] = [];
  /** Layers between the outside and the models, outermost first. */
  before: readonly Layer[] = [];
  random = 0.5;
  pipelines!: Pipelines;
  service!: LocalService;

  /** A model that adds a number to its input `x` and gives `y`, both FP32 `[-1]`. */
  adder(name: string, amount: number, more: Partial<BenchModel> = {}): BenchModel {
    const run: BenchModel['run'] = (inputs) => {
      const x = inputs.get('x');
      return x === undefined ? [] : [floats('y', ...numbersOf(x).map((each) => each + amount))];
    };
    return this.model(name, [spec('x', 'FP32', -1)], [spec('y', 'FP32', -1)], { run, ...more });
  }

  model(
    name: string,
    inputs: readonly TensorSpec[],
    outputs: readonly TensorSpec[],
    more: Partial<BenchModel> = {},
  ): BenchModel {
    const run: BenchModel['run'] = () => outputs.map((each) => tensor(each.name, each.datatype, []));
    const model: BenchModel = { signature: { inputs, outputs }, ready: true, run, calls: [], ...more };
    this.models.set(name, model);
    return model;
  }

  /** Serves these pipelines. */
  serve(pipelines: readonly PipelineSpec[], more: Partial<PipelinesDeps> = {}): this {
    this.pipelines = new Pipelines({
      specs: pipelines,
      log: pino({ level: 'silent' }),
      now: () => performance.now(),
      random: () => this.random,
      isModel: (name) => this.models.has(name),
      observe: () => ({
        step: (path, _seconds, failure) => void this.steps.push([path, failure]),
        branch: (path) => void this.branches.push(path),
      }),
      ...more,
    });
    const uncounted = { of: () => [], layer: (next: Infer) => next };
    this.service = this.pipelines.over(this.inner([...this.before, this.pipelines.layer]), uncounted);
    return this;
  }

  /** Asks a pipeline. */
  infer(name: string, inputs: readonly Tensor[], more: Partial<InferenceCall> = {}): Promise<Answer> {
    return this.service.infer(callOf(name, inputs, more));
  }

  /** The floats of the outputs, by name. */
  async numbers(name: string, inputs: readonly Tensor[], more: Partial<InferenceCall> = {}): Promise<object> {
    const { outputs } = await this.infer(name, inputs, more);
    return Object.fromEntries(outputs.map((each) => [each.name, numbersOf(each)]));
  }

  private find(name: string, version?: string): BenchModel {
    const model = this.models.get(name);
    if (model === undefined || (version !== undefined && version !== '1')) throw unknownModel();
    return model;
  }

  private inner(layers: readonly Layer[]): LocalService {
    const core = async (call: InferenceCall): Promise<Answer> => {
      const model = this.find(call.name, call.version);
      model.calls.push(call);
      const { inputs, outputs } = call.request;
      checkInputs(inputs, model.signature);
      const names = chooseOutputs(outputs, model.signature);
      const given = await model.run(new Map(inputs.map((each) => [each.name, each])), call);
      return { model: { name: call.name, version: '1' }, outputs: given.filter((each) => names.includes(each.name)) };
    };
    return {
      infer: layered(core, layers),
      identify: (name, version) => ({ name, version: (this.find(name, version), '1') }),
      describe: (name, version) => {
        const { signature, pending } = this.find(name, version);
        if (pending) throw notLoaded();
        return { name, versions: ['1'], ...signature };
      },
      details: (name, version) => ({
        name,
        versions: ['1'],
        ...this.find(name, version).signature,
        batching: undefined,
      }),
      statistics: () => [],
      isReady: (name, version) => this.find(name, version).ready,
      index: () => [],
      load: async () => undefined,
      unload: async (name) => void this.models.delete(name),
    };
  }
}

/** An error that a model ends with. */
export const failure = (code: string, status: number, message = 'it fails'): RequestError =>
  new RequestError(code, { status, title: '', explanation: '' }, message);
