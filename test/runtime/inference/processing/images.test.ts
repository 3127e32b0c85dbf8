import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ElementType } from '../../../../examples/quickstart/onnx';
import { modelPath } from '../../../../runtime/contract';
import { openTestSteps } from '../../support/plugins';
import { passing, ProcessedServer } from '../../support/processed-server';

type Pixel = readonly [number, number, number];

/** An image whose left half has one colour and whose right half another. */
function halves(left: Pixel, right: Pixel, width = 8, height = 4): sharp.Sharp {
  const pixels = Buffer.alloc(width * height * 3);
  for (let index = 0; index < width * height; index++) {
    pixels.set(index % width < width / 2 ? left : right, index * 3);
  }
  return sharp(pixels, { raw: { width, height, channels: 3 } });
}

const RED: Pixel = [255, 0, 0];
const BLUE: Pixel = [0, 0, 255];
const head = (count = 1): object => ({ name: 'image', datatype: 'BYTES', shape: [count] });

/** A BYTES tensor of these files. */
function files(...contents: Uint8Array[]): Uint8Array {
  return Buffer.concat(
    contents.flatMap((content) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(content.byteLength);
      return [length, content];
    }),
  );
}

describe('the step for images', () => {
  let server: ProcessedServer;
  let png: Buffer;

  beforeAll(async () => {
    png = await halves(RED, BLUE).png().toBuffer();
    server = new ProcessedServer();
    const image = { step: 'image', tensor: 'x', width: 4, height: 2 };
    const bytes = (...shape: (number | string)[]) => ({ 'model.onnx': passing(ElementType.UINT8, ['n', ...shape]) });
    server
      .add('nchw', bytes(3, 2, 4), { before: [{ step: 'image', tensor: 'x' }] })
      .add('nhwc', bytes(2, 4, 3), { before: [{ ...image, layout: 'NHWC', colour: 'BGR' }] })
      .add('gray', bytes(1, 2, 4), { before: [{ ...image, colour: 'GRAY' }] })
      .add('crop', bytes(3, 2, 2), { before: [{ ...image, width: 2, height: 2, resize: 'crop' }] })
      .add('shortest', bytes(3, 2, 4), { before: [{ ...image, resize: 'crop', shortest: 4 }] })
      .add('fit', bytes(3, 4, 4), { before: [{ ...image, width: 4, height: 4, resize: 'fit' }] })
      .add(
        'single',
        { 'model.onnx': passing(ElementType.UINT8, [3, 2, 4]) },
        { before: [{ step: 'image', tensor: 'x' }] },
      )
      .add('small', bytes(3, 2, 4), { before: [{ ...image, maxPixels: 32, maxBytes: 4000 }] })
      .add('jpegs', bytes(3, 2, 4), { before: [{ ...image, formats: ['jpeg'] }] })
      .add(
        'floats',
        { 'model.onnx': passing(ElementType.FLOAT, ['n', 3, 2, 4]) },
        {
          before: [
            image,
            { step: 'normalise', tensor: 'x', from: 'FP32', scale: 1 / 255, mean: [0.5, 0, 0], std: [0.5, 1, 2] },
          ],
        },
      );
    await server.start();
  });
  afterAll(() => server.end());

  async function decoded(model: string, ...contents: Uint8Array[]): Promise<{ shape: number[]; data: number[] }> {
    const reply = await server.inferBinary(model, head(contents.length), files(...contents));
    expect(reply.body).toContain('outputs');
    return reply.json<{ outputs: { shape: number[]; data: number[] }[] }>().outputs[0] ?? { shape: [], data: [] };
  }

  it.each(['png', 'jpeg', 'webp'] as const)('decodes %s and scales it to the size of the model', async (form) => {
    const content = await halves(RED, BLUE).toFormat(form, { quality: 100, chromaSubsampling: '4:4:4' }).toBuffer();
    const { shape, data } = await decoded('nchw', content);
    expect(shape).toEqual([1, 3, 2, 4]);
    expect(data[0]).toBeGreaterThan(240);
    expect(data[3]).toBeLessThan(15);
    expect(data[8]).toBeLessThan(25);
    expect(data[16 + 3]).toBeGreaterThan(240);
  });

  it('takes several images, and their Base64 text from JSON', async () => {
    const other = await halves(BLUE, RED).png().toBuffer();
    const both = await decoded('nchw', png, other);
    expect(both.shape).toEqual([2, 3, 2, 4]);
    expect([both.data[0], both.data[24]]).toEqual([255, 0]);
    const data = [png, other].map((each) => each.toString('base64'));
    const reply = await server.infer('nchw', [{ ...head(2), data }]);
    expect(reply.json<{ outputs: { data: number[] }[] }>().outputs[0]?.data).toEqual(both.data);
  });

  it('puts axes and colours into the order that it is told', async () => {
    const { shape, data } = await decoded('nhwc', png);
    expect(shape).toEqual([1, 2, 4, 3]);
    expect(data.slice(0, 3)).toEqual([0, 0, 255]);
    expect(data.slice(-3)).toEqual([255, 0, 0]);
    const gray = await decoded('gray', png);
    expect(gray.shape).toEqual([1, 1, 2, 4]);
    // As Pillow has them.
    expect([gray.data[0], gray.data[3]]).toEqual([76, 29]);
    expect((await decoded('single', png)).shape).toEqual([3, 2, 4]);
  });

  it('crops the middle, or fits an image in with black beside it', async () => {
    const crop = await decoded('crop', png);
    expect(crop.data[0]).toBeGreaterThan(200);
    expect(crop.data[1]).toBeLessThan(60);
    const fit = await decoded('fit', png);
    expect(fit.data.slice(0, 4)).toEqual([0, 0, 0, 0]);
    expect([fit.data[4], fit.data[7]]).toEqual([255, 0]);
  });

  it('crops the middle of what has a shortest side first, also where it is held upright by its camera', async () => {
    const upright = await halves(RED, BLUE, 24, 12).png().toBuffer();
    const lying = await halves(RED, BLUE, 12, 24).withMetadata({ orientation: 6 }).png().toBuffer();
    for (const content of [upright, lying]) {
      const { shape, data } = await decoded('shortest', content);
      expect(shape).toEqual([1, 3, 2, 4]);
      const [red, blue] = content === upright ? [0, 3] : [0, 7];
      expect(Math.min(data[red] ?? 0, data[16 + blue] ?? 0)).toBeGreaterThan(200);
      expect(Math.max(data[blue] ?? 255, data[16 + red] ?? 255)).toBeLessThan(60);
    }
  });

  it('scales no more of a long thin image than it takes', async () => {
    for (const [width, height] of [
      [12_000, 1],
      [1, 12_000],
    ] as const) {
      const thin = await sharp({ create: { width, height, channels: 3, background: RED } })
        .png()
        .toBuffer();
      const began = performance.now();
      const { data } = await decoded('shortest', thin);
      expect(performance.now() - began).toBeLessThan(2_000);
      expect([data[0], data[8]]).toEqual([255, 0]);
    }
  });

  it('is followed by others: pixels are scaled by channel', async () => {
    const { data } = await decoded('floats', png);
    expect([data[0], data[3], data[16], data[19]]).toEqual([1, -1, 0, 0.5]);
  });

  it('turns an image as its camera was held', async () => {
    const turned = await halves(RED, BLUE, 4, 8).withMetadata({ orientation: 6 }).jpeg({ quality: 100 }).toBuffer();
    const { data } = await decoded('nchw', turned);
    expect(data[0]).toBeGreaterThan(200);
    expect(data[7]).toBeLessThan(60);
  });

  it('says that clients send bytes', async () => {
    const described = (await server.send({ method: 'GET', url: modelPath('nchw') })).json<Record<string, unknown>>();
    expect(described['inputs']).toEqual([{ name: 'image', datatype: 'BYTES', shape: [-1] }]);
  });

  const bomb = async (): Promise<Buffer> =>
    sharp({ create: { width: 9_000, height: 9_000, channels: 3, background: '#000' } })
      .png({ compressionLevel: 9 })
      .toBuffer();
  const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"/>');

  it.each([
    ['no image', async () => Buffer.from('hello, world'), 400, 'is not one of jpeg, png, webp'],
    ['SVG, which could read files', async () => svg, 400, 'is not one of jpeg, png, webp'],
    ['GIF', async () => halves(RED, BLUE).gif().toBuffer(), 400, 'is not one of jpeg, png, webp'],
    ['a head without an image', async () => Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 0]), 400, 'cannot be decoded'],
    ['half an image', async () => png.subarray(0, png.length / 2), 400, 'cannot be decoded'],
    [
      'TIFF that says it is PNG',
      async () => Buffer.concat([png.subarray(0, 8), await halves(RED, BLUE).tiff().toBuffer()]),
      400,
      'cannot be decoded',
    ],
    ['more pixels than allowed', bomb, 413, 'has more than 16777216 pixels'],
  ])('refuses %s', async (_title, make, code, message) => {
    const reply = await server.inferBinary('nchw', head(2), files(png, await make()));
    expect([reply.statusCode, reply.json()]).toEqual([code, { error: `input "image": element 1 ${message}` }]);
    expect(reply.headers['x-error-code']).toBe(code === 413 ? 'LNMT8447' : 'LNMT8446');
  });

  it('holds each model to its own forms, pixels and bytes', async () => {
    expect((await server.inferBinary('jpegs', head(), files(png))).body).toContain('is not one of jpeg');
    const wide = await halves(RED, BLUE, 64, 4).png().toBuffer();
    expect((await server.inferBinary('small', head(), files(wide))).body).toContain('has more than 32 pixels');
    const heavy = Buffer.concat([png, Buffer.alloc(5_000)]);
    expect((await server.inferBinary('small', head(), files(heavy))).body).toContain('has more than 4000 bytes');
  });

  it('refuses more images than one request may have', async () => {
    const reply = await server.inferBinary('nchw', head(257), files(...Array.from({ length: 257 }, () => png)));
    expect([reply.statusCode, reply.body]).toEqual([413, expect.stringContaining('for one request')]);
  });

  it('runs in a process that is replaced when it dies, with an answer to who waits', async () => {
    const workers = await server.steps?.images();
    const [pid = 0] = workers?.pids ?? [];
    process.kill(pid, 'SIGKILL');
    await expect.poll(async () => (await server.inferBinary('nchw', head(), files(png))).statusCode).toBe(200);
    expect(workers?.pids[0]).not.toBe(pid);
  });
});

describe('models with images', () => {
  let server: ProcessedServer;
  beforeEach(() => {
    server = new ProcessedServer();
  });
  afterEach(() => server.end());

  it.each([
    ['tokens', ElementType.INT64, [1, 3, 2, 4], {}, 'pixels are UINT8, FP16, FP32 or FP64'],
    ['an open size', ElementType.UINT8, [1, 3, 'h', 4], {}, 'height is left open by the model; state it'],
    ['another layout', ElementType.UINT8, [1, 2, 4, 3], {}, 'is UINT8 [1,3,4,3], and UINT8 [1,2,4,3] is wanted'],
    ['two dimensions', ElementType.UINT8, [3, 4], {}, 'has neither three nor four dimensions'],
    ['a short side', ElementType.UINT8, [1, 3, 2, 4], { resize: 'crop', shortest: 3 }, 'shortest is less than width'],
  ] as const)('are not loaded when they take %s', async (_title, type, shape, more, message) => {
    server.add('bad', { 'model.onnx': passing(type, shape) }, { before: [{ step: 'image', tensor: 'x', ...more }] });
    await expect(server.start()).rejects.toThrow(message);
  });

  it('start no process before a model needs it', async () => {
    const steps = await openTestSteps({});
    const workers = steps.images();
    expect((await workers).pids).toHaveLength(1);
    await steps.close();
  });
});
