import { isUtf8 } from 'node:buffer';
import type { Frame } from '../../host/frames';
import { padded } from '../../host/frames';
import { tensorHeads } from '../../host/protocol';
import { checkBinary } from '../../tensors/binary';
import { bytesOf } from '../../tensors/bytes';
import { elementCount, TENSOR_LIMITS } from '../../tensors/tensor';
import type { Tensor, TensorSpec } from '../../tensors/tensor';
import { invalidProcessing, stepFailed, stepRefused, wrongAnswer } from '../errors';
import type { OpenPlugin } from '../plugins/open-plugin';
import { misfit } from '../step';
import type { Step } from '../step';
import type { PluginSettings } from '../step-settings';

interface Head {
  readonly name: unknown;
  readonly datatype: unknown;
  readonly shape: unknown;
  readonly bytes: unknown;
}

const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) > 0;

/** A shape that may be believed; undefined for anything else. */
function shapeOf(value: unknown): readonly number[] | undefined {
  if (!Array.isArray(value) || value.length > TENSOR_LIMITS.rank || !value.every(isSize)) return undefined;
  return elementCount(value) <= TENSOR_LIMITS.elements ? value : undefined;
}

function isWhole(datatype: Tensor['datatype'], count: number, data: Uint8Array): boolean {
  try {
    checkBinary(datatype, count, data, '');
  } catch {
    return false;
  }
  return datatype !== 'BYTES' || bytesOf(data).every((text) => isUtf8(text));
}

/** One tensor of an answer, held to what the manifest says of it; a text says what is wrong. */
function tensorOf(spec: TensorSpec, { shape: stated, datatype, bytes }: Head, rest: Uint8Array): Tensor | string {
  const shape = shapeOf(stated);
  if (shape === undefined || !Number.isSafeInteger(bytes) || Number(bytes) < 0) return `${spec.name} has no shape`;
  if (datatype !== spec.datatype) return `${spec.name} has another datatype`;
  const fault = misfit({ ...spec, shape }, spec);
  if (fault !== undefined) return fault;
  const data = rest.subarray(0, Number(bytes));
  if (data.byteLength !== bytes || !isWhole(spec.datatype, elementCount(shape), data)) {
    return `${spec.name} has not the bytes of its shape`;
  }
  return { name: spec.name, datatype: spec.datatype, shape, data };
}

/** The tensors of an answer, in the order of the manifest. @throws RequestError LNMT8452 */
function tensorsOf(label: string, specs: readonly TensorSpec[], { header, payload }: Frame): readonly Tensor[] {
  const { heads } = header as { readonly heads?: unknown };
  if (!Array.isArray(heads) || heads.length !== specs.length) throw wrongAnswer(label, 'the number of tensors');
  let rest = payload;
  const found = new Map<unknown, Tensor>();
  for (const head of heads as readonly (Head | null)[]) {
    const spec = specs.find(({ name }) => name === head?.name);
    if (spec === undefined || head === null) throw wrongAnswer(label, 'a tensor that is not in the manifest');
    const tensor = tensorOf(spec, head, rest);
    if (typeof tensor === 'string') throw wrongAnswer(label, tensor);
    rest = rest.subarray(padded(tensor.data.byteLength));
    found.set(spec.name, tensor);
  }
  return specs.map(({ name }) => {
    const tensor = found.get(name);
    if (tensor === undefined) throw wrongAnswer(label, `${name} is missing`);
    return tensor;
  });
}

/** The answer to a question. @throws RequestError */
function readAnswer(label: string, specs: readonly TensorSpec[], frame: Frame): readonly Tensor[] {
  const { type, message } = frame.header as { readonly type?: unknown; readonly message?: unknown };
  if (type === 'refused') throw stepRefused(label);
  if (type === 'failed') throw stepFailed(label, new Error(typeof message === 'string' ? message : 'no reason'));
  if (type !== 'answer') throw wrongAnswer(label, 'the kind of the answer');
  return tensorsOf(label, specs, frame);
}

function renamed(specs: readonly TensorSpec[], names: Readonly<Record<string, string>>, side: string): TensorSpec[] {
  const stranger = Object.keys(names).find((name) => !specs.some((spec) => spec.name === name));
  if (stranger !== undefined) throw invalidProcessing(`${side}.${stranger}: the plugin has no such tensor`);
  return specs.map((spec) => ({
    ...spec,
    name: Object.hasOwn(names, spec.name) ? (names[spec.name] ?? '') : spec.name,
  }));
}

/** A step of a plugin. @throws ModelError */
export function pluginStep(settings: PluginSettings, plugins: ReadonlyMap<string, OpenPlugin>): Step {
  const plugin = plugins.get(settings.plugin);
  if (plugin === undefined) throw invalidProcessing(`this server has no plugin ${JSON.stringify(settings.plugin)}`);
  const step = plugin.manifest.steps.find(({ name }) => name === settings.step);
  if (step === undefined) {
    throw invalidProcessing(`the plugin ${settings.plugin} has no step ${JSON.stringify(settings.step)}`);
  }
  const label = `${settings.plugin}/${settings.step}`;
  const outputs = renamed(step.outputs, settings.outputs, 'outputs');
  return {
    ...{ label, keeps: false, inputs: renamed(step.inputs, settings.inputs, 'inputs'), outputs },
    run: async (tensors, context) => {
      const own = tensors.map((tensor, index) => ({ ...tensor, name: step.inputs[index]?.name ?? tensor.name }));
      const question = { type: 'step', step: step.name, heads: tensorHeads(own), parameters: settings.parameters };
      const parts = own.map(({ data }) => data);
      const answer = readAnswer(label, step.outputs, await plugin.workers.ask(label, question, parts, context));
      return answer.map((tensor, index) => ({ ...tensor, name: outputs[index]?.name ?? tensor.name }));
    },
  };
}
