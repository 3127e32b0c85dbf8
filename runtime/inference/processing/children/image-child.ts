import type sharpLibrary from 'sharp';
import type { Sharp } from 'sharp';
import type { ImageFault, ImageOrder } from '../steps/image';
import { serveSteps } from './child';
import type { Reply } from './child';

/** The process that decodes images: libvips reads what clients send, so it has nothing that they could want. */

type Library = typeof sharpLibrary;

const LOADERS = {
  jpeg: 'VipsForeignLoadJpegBuffer',
  png: 'VipsForeignLoadPngBuffer',
  webp: 'VipsForeignLoadWebpBuffer',
};
const BLACK = { r: 0, g: 0, b: 0 };
/** Orientations of EXIF: the one that needs no turn, and the first of those that lie on their side. */
const [UPRIGHT, FIRST_TURNED] = [1, 5];
/** Shares of red, green and blue in what is bright (ITU-R BT.601, as Pillow and OpenCV have it), in 1/65536. */
const LUMA = [19_595, 38_470, 7_471] as const;

class Refused extends Error {
  constructor(
    readonly fault: ImageFault,
    readonly index: number,
  ) {
    super(fault);
  }
}

interface Pixels {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
  readonly channels: number;
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** How many pixels lie before the middle part of a side. */
const before = (whole: number, part: number): number => Math.max(0, Math.floor((whole - part) / 2));

/** @param size of the image as it is looked at */
function scaled(image: Sharp, size: Size, { width, height, resize, shortest }: ImageOrder): Sharp {
  if (resize === 'stretch') return image.resize({ width, height, fit: 'fill' });
  if (resize === 'fit') return image.resize({ width, height, fit: 'contain', background: BLACK });
  if (shortest === undefined) return image.resize({ width, height, fit: 'cover', position: 'centre' });
  const scale = shortest / Math.min(size.width, size.height);
  const [left, top] = [before(Math.round(size.width * scale), width), before(Math.round(size.height * scale), height)];
  // Cut where it is scaled: the whole of a long thin image would be thousands of times as large as its file.
  return image.resize({ width: shortest, height: shortest, fit: 'outside' }).extract({ left, top, width, height });
}

async function decode(sharp: Library, file: Uint8Array, order: ImageOrder, index: number): Promise<Pixels> {
  const { maxPixels, formats, orient } = order;
  const image = sharp(file, { limitInputPixels: maxPixels, failOn: 'error', pages: 1, sequentialRead: false });
  let form: string | undefined;
  let size: Size;
  try {
    const { format, width, height, orientation = UPRIGHT } = await image.metadata();
    form = format;
    size = orient && orientation >= FIRST_TURNED ? { width: height, height: width } : { width, height };
    if (width * height > maxPixels) throw new Refused('pixels', index);
  } catch (error) {
    throw error instanceof Refused ? error : faultOf(error, index);
  }
  if (!formats.some((each) => each === form)) throw new Refused('format', index);
  try {
    const upright = orient ? image.rotate() : image;
    const plain = upright.flatten({ background: BLACK }).toColourspace('srgb');
    const { data, info } = await scaled(plain, size, order)
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    return { data, width: info.width, height: info.height, channels: info.channels };
  } catch (error) {
    throw faultOf(error, index);
  }
}

function faultOf(error: unknown, index: number): Refused {
  return new Refused(error instanceof Error && /pixel limit/i.test(error.message) ? 'pixels' : 'broken', index);
}

/** The brightness of a pixel. */
function luma(data: Uint8Array, from: number): number {
  const [red, green, blue] = LUMA;
  const sum = red * (data[from] ?? 0) + green * (data[from + 1] ?? 0) + blue * (data[from + 2] ?? 0);
  return (sum + 0x8000) >> 16;
}

/** Writes an image into its place, in the order of channels and axes that the model has. */
function place({ data, width, height, channels }: Pixels, order: ImageOrder, target: Uint8Array): void {
  const { colour, layout } = order;
  if (width !== order.width || height !== order.height) throw new Error(`an image became ${width} x ${height}`);
  const wanted = colour === 'GRAY' ? 1 : 3;
  for (let pixel = 0; pixel < width * height; pixel++) {
    const from = pixel * channels;
    for (let channel = 0; channel < wanted; channel++) {
      const source = channels < 3 ? 0 : colour === 'BGR' ? 2 - channel : channel;
      const to = layout === 'NCHW' ? channel * width * height + pixel : pixel * wanted + channel;
      target[to] = wanted === 1 && channels >= 3 ? luma(data, from) : (data[from + source] ?? 0);
    }
  }
}

/** The files of a question; each stands at a place that is a multiple of 8. */
function filesOf(payload: Uint8Array, lengths: readonly number[]): Uint8Array[] {
  let offset = 0;
  return lengths.map((length) => {
    const file = payload.subarray(offset, offset + length);
    offset += Math.ceil(length / 8) * 8;
    return file;
  });
}

async function answer(sharp: Library, order: ImageOrder, files: readonly Uint8Array[]): Promise<Reply> {
  const size = order.width * order.height * (order.colour === 'GRAY' ? 1 : 3);
  const pixels = new Uint8Array(files.length * size);
  try {
    for (const [index, file] of files.entries()) {
      place(await decode(sharp, file, order, index), order, pixels.subarray(index * size, (index + 1) * size));
    }
  } catch (error) {
    if (error instanceof Refused) return { header: { fault: error.fault, index: error.index }, parts: [] };
    throw error;
  }
  return { header: { type: 'answer' }, parts: [pixels] };
}

serveSteps(async () => {
  const { default: sharp } = await import('sharp');
  // Whatever a file claims to be, only these readers exist.
  sharp.block({ operation: ['VipsForeignLoad'] });
  sharp.unblock({ operation: Object.values(LOADERS) });
  sharp.cache(false);
  sharp.concurrency(1);
  return async (header, payload) => {
    const { order, lengths } = header as { readonly order: ImageOrder; readonly lengths: readonly number[] };
    return answer(sharp, order, filesOf(payload, lengths));
  };
});
