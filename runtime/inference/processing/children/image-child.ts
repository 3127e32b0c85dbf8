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

function scaled(image: Sharp, { width, height, resize, shortest }: ImageOrder): Sharp {
  if (resize === 'stretch') return image.resize({ width, height, fit: 'fill' });
  if (resize === 'fit') return image.resize({ width, height, fit: 'contain', background: BLACK });
  if (shortest === undefined) return image.resize({ width, height, fit: 'cover', position: 'centre' });
  return image.resize({ width: shortest, height: shortest, fit: 'outside' });
}

async function decode(sharp: Library, file: Uint8Array, order: ImageOrder, index: number): Promise<Pixels> {
  const { maxPixels, formats, orient, colour } = order;
  const image = sharp(file, { limitInputPixels: maxPixels, failOn: 'error', pages: 1, sequentialRead: false });
  let form: string | undefined;
  try {
    const { format, width, height } = await image.metadata();
    form = format;
    if (width * height > maxPixels) throw new Refused('pixels', index);
  } catch (error) {
    throw error instanceof Refused ? error : faultOf(error, index);
  }
  if (!formats.some((each) => each === form)) throw new Refused('format', index);
  try {
    const upright = orient ? image.rotate() : image;
    const plain = upright.flatten({ background: BLACK }).toColourspace(colour === 'GRAY' ? 'b-w' : 'srgb');
    const { data, info } = await scaled(plain, order).raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
    return { data, width: info.width, height: info.height, channels: info.channels };
  } catch (error) {
    throw faultOf(error, index);
  }
}

function faultOf(error: unknown, index: number): Refused {
  return new Refused(error instanceof Error && /pixel limit/i.test(error.message) ? 'pixels' : 'broken', index);
}

/** Writes the middle of an image into its place, in the order of channels and axes that the model has. */
function place(pixels: Pixels, { width, height, colour, layout }: ImageOrder, target: Uint8Array): void {
  const wanted = colour === 'GRAY' ? 1 : 3;
  const [left, top] = [Math.floor((pixels.width - width) / 2), Math.floor((pixels.height - height) / 2)];
  if (left < 0 || top < 0) throw new Error(`an image of ${pixels.width} x ${pixels.height} is too small to crop`);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = ((y + top) * pixels.width + x + left) * pixels.channels;
      for (let channel = 0; channel < wanted; channel++) {
        const source = pixels.channels < wanted ? 0 : colour === 'BGR' ? 2 - channel : channel;
        const to = layout === 'NCHW' ? (channel * height + y) * width + x : (y * width + x) * wanted + channel;
        target[to] = pixels.data[from + source] ?? 0;
      }
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
