import type { Tensor, TensorSpec } from '../../tensors/tensor';
import type { StepWorkers } from '../children/workers';
import { imageRefused, imageTooLarge, invalidProcessing, stepFailed } from '../errors';
import { isFloat, packFloats, roomFor } from '../../tensors/values';
import type { Step, StepContext } from '../step';
import type { ImageSettings } from '../step-settings';
import { bytesOf } from '../../tensors/bytes';
import { BASE64, imageBytes } from './image-bytes';

/** What the process that decodes images is asked. */
export interface ImageOrder {
  readonly width: number;
  readonly height: number;
  readonly resize: ImageSettings['resize'];
  readonly shortest: number | undefined;
  readonly colour: ImageSettings['colour'];
  readonly layout: ImageSettings['layout'];
  readonly orient: boolean;
  readonly maxPixels: number;
  readonly formats: ImageSettings['formats'];
}

/** Why an image is not decoded, as its process says it. */
export type ImageFault = 'format' | 'pixels' | 'broken';

const LABEL = 'image';
/** Bounds of one request: a small file may be of many pixels, and a request of many files. */
const MOST = { files: 256, pixelBytes: 2 ** 28 } as const;

interface Target {
  readonly spec: TensorSpec;
  readonly rows: number;
  readonly order: ImageOrder;
}

interface ImageParts {
  readonly settings: ImageSettings;
  readonly target: Target;
  readonly workers: StepWorkers;
}

/** Where a shape has its rows, channels, height and width. */
function axesOf(layout: ImageSettings['layout'], rank: number): readonly [number, number, number] {
  const first = rank - 3;
  return layout === 'NCHW' ? [first, first + 1, first + 2] : [first + 2, first, first + 1];
}

function sizeOf(stated: number | undefined, spec: number | undefined, what: string): number {
  const size = stated ?? (spec === -1 ? undefined : spec);
  if (size === undefined) throw invalidProcessing(`${what} is left open by the model; state it`);
  return size;
}

function targetOf(settings: ImageSettings, spec: TensorSpec): Target {
  const { layout, colour, resize, shortest, orient, maxPixels, formats } = settings;
  const { shape, name } = spec;
  if (shape !== undefined && shape.length !== 3 && shape.length !== 4) {
    throw invalidProcessing(`${JSON.stringify(name)} has neither three nor four dimensions`);
  }
  const rank = shape?.length ?? 4;
  const [channelAxis, heightAxis, widthAxis] = axesOf(layout, rank);
  const width = sizeOf(settings.width, shape?.[widthAxis], 'width');
  const height = sizeOf(settings.height, shape?.[heightAxis], 'height');
  const sizes = [0, 0, 0];
  const channels = colour === 'GRAY' ? 1 : 3;
  for (const [axis, size] of [
    [channelAxis, channels],
    [heightAxis, height],
    [widthAxis, width],
  ] as const) {
    sizes[axis - (rank - 3)] = size;
  }
  if (shortest !== undefined && shortest < Math.max(width, height)) {
    throw invalidProcessing('shortest is less than width or height');
  }
  const rows = rank === 3 ? 1 : (shape?.[0] ?? -1);
  const order = { width, height, resize, shortest, colour, layout, orient, maxPixels, formats };
  return { rows, order, spec: { ...spec, shape: rank === 3 ? sizes : [rows, ...sizes] } };
}

function refusal(settings: ImageSettings, index: number, fault: ImageFault): Error {
  if (fault === 'pixels') return imageTooLarge(settings.input, index, `${settings.maxPixels} pixels`);
  const what = fault === 'format' ? `is not one of ${settings.formats.join(', ')}` : 'cannot be decoded';
  return imageRefused(settings.input, index, what);
}

/** Pixels as bytes in the datatype of the model. */
function packed(pixels: Uint8Array, datatype: TensorSpec['datatype']): Uint8Array {
  if (!isFloat(datatype)) return pixels;
  const values = roomFor(datatype, pixels.length);
  values.set(pixels);
  return packFloats(datatype, values);
}

async function decoded(
  tensor: Tensor,
  { settings, target, workers }: ImageParts,
  context: StepContext,
): Promise<Tensor> {
  const files = bytesOf(tensor.data).map((element, index) => {
    if (element.byteLength > BASE64.growth * settings.maxBytes) {
      throw imageTooLarge(settings.input, index, `${settings.maxBytes} bytes`);
    }
    const bytes = imageBytes(element);
    if (bytes === undefined) throw refusal(settings, index, 'format');
    if (bytes.byteLength > settings.maxBytes) throw imageTooLarge(settings.input, index, `${settings.maxBytes} bytes`);
    return bytes;
  });
  const { name, datatype, shape = [] } = target.spec;
  const [, ...sizes] = shape.length === 3 ? [0, ...shape] : shape;
  const size = sizes.reduce((product, each) => product * each, 1);
  if (files.length > MOST.files || files.length * size > MOST.pixelBytes) {
    throw imageTooLarge(settings.input, files.length - 1, 'may be decoded for one request before it');
  }
  const answer = await workers.ask(
    LABEL,
    { type: 'image', order: target.order, lengths: files.map(({ byteLength }) => byteLength) },
    files,
    context,
  );
  const { fault, index } = answer.header as { readonly fault?: ImageFault; readonly index?: number };
  if (fault !== undefined) throw refusal(settings, index ?? 0, fault);
  if (answer.payload.byteLength < files.length * size) throw stepFailed(LABEL, new Error('pixels are missing'));
  const pixels = answer.payload.subarray(0, files.length * size);
  const whole = shape.length === 3 ? sizes : [files.length, ...sizes];
  return { name, datatype, shape: whole, data: packed(pixels, datatype) };
}

/**
 * Decodes images in a process of its own, because what decodes them is native code that reads what clients send.
 *
 * @throws ModelError
 */
export async function imageStep(
  settings: ImageSettings,
  needed: ReadonlyMap<string, TensorSpec>,
  open: () => Promise<StepWorkers>,
): Promise<Step> {
  const spec = needed.get(settings.tensor);
  if (spec === undefined) throw invalidProcessing(`nobody takes ${JSON.stringify(settings.tensor)}`);
  if (spec.datatype !== 'UINT8' && !isFloat(spec.datatype)) {
    throw invalidProcessing(`${JSON.stringify(spec.name)} is ${spec.datatype}; pixels are UINT8, FP16, FP32 or FP64`);
  }
  const target = targetOf(settings, spec);
  const parts = { settings, target, workers: await open() };
  return {
    ...{ label: LABEL, keeps: false, outputs: [target.spec] },
    inputs: [{ name: settings.input, datatype: 'BYTES', shape: [target.rows] }],
    run: async ([files], context) => (files === undefined ? [] : [await decoded(files, parts, context)]),
  };
}
