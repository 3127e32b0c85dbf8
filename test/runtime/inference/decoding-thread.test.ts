import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { DecodingThread } from '../../../runtime/inference/tensors/decoding-thread';
import { Canceller } from '../../../runtime/shared/cancellation';
import { decodeRequest } from '../../../runtime/inference/tensors/request';
import type { HttpInferenceRequest } from '../../../runtime/inference/tensors/request';

const thread = new DecodingThread();

afterAll(() => thread.close());

const bodyOf = (inputs: object): Buffer => Buffer.from(JSON.stringify({ id: 'a', inputs: [inputs] }));

describe('a thread that reads long requests', () => {
  it('gives what reading them in place gives', async () => {
    const numbers = fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 1, maxLength: 200 });
    const datatype = fc.constantFrom('FP32', 'INT64', 'INT8', 'BYTES', 'UINT16');
    await fc.assert(
      fc.asyncProperty(numbers, datatype, async (data, kind) => {
        const values = kind === 'BYTES' ? data.map(String) : data;
        const body = bodyOf({ name: 'x', datatype: kind, shape: [data.length], data: values });
        const plain = (request: HttpInferenceRequest): unknown => ({
          ...request,
          inputs: request.inputs.map((tensor) => ({ ...tensor, data: [...tensor.data] })),
        });
        const read = (): unknown => {
          try {
            return plain(decodeRequest(Buffer.from(body)));
          } catch (error) {
            return (error as Error).message;
          }
        };
        expect(await thread.decode(body, undefined).then(plain, (error: Error) => error.message)).toEqual(read());
      }),
      { numRuns: 60, seed: 7 },
    );
  });

  it('moves binary tensors of one body, each in its place', async () => {
    const head = (name: string): object => ({
      name,
      datatype: 'FP32',
      shape: [2],
      parameters: { binary_data_size: 8 },
    });
    const json = JSON.stringify({ inputs: [head('a'), head('b')] });
    const floats = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer);
    const body = Buffer.concat([Buffer.from(json), floats]);
    const { inputs } = await thread.decode(Buffer.from(body), String(json.length));
    expect(inputs.map(({ data }) => [...data])).toEqual([[...floats.subarray(0, 8)], [...floats.subarray(8)]]);
  });

  it('takes the memory of a long body, and leaves that of a short one to whatever else came in it', async () => {
    const isTaken = async (count: number): Promise<boolean> => {
      const json = bodyOf({ name: 'x', datatype: 'INT8', shape: [count], data: Array<number>(count).fill(1) });
      const memory = new ArrayBuffer(json.length + 100);
      const body = Buffer.from(memory, 50, json.length);
      json.copy(body);
      await thread.decode(body, undefined);
      return memory.byteLength === 0;
    };
    expect([await isTaken(20_000), await isTaken(40_000)]).toEqual([false, true]);
  });

  it('refuses with the status and code of the fault', async () => {
    const body = bodyOf({ name: 'x', datatype: 'FP32', shape: [3], data: [1, 2] });
    await expect(thread.decode(body, undefined)).rejects.toMatchObject({ status: 400, code: 'LNMT8201' });
    await expect(thread.decode(Buffer.from('{'), undefined)).rejects.toMatchObject({ status: 400, code: 'LNMT8011' });
  });

  it('ends a body that takes too long, and reads the next', async () => {
    const impatient = new DecodingThread({ deadlineMs: 1 });
    const long = bodyOf({ name: 'x', datatype: 'BYTES', shape: [100_000], data: Array(100_000).fill('a') });
    await expect(impatient.decode(long, undefined)).rejects.toMatchObject({ status: 400, code: 'LNMT8011' });
    await impatient.close();
    const patient = new DecodingThread();
    const [first, second] = [bodyOf({ name: 'x' }), bodyOf({ name: 'x', datatype: 'INT8', shape: [1], data: [1] })];
    const answers = await Promise.allSettled([patient.decode(first, undefined), patient.decode(second, undefined)]);
    expect(answers.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
    await patient.close();
  });

  it('drops bodies whose clients leave, and lets callers take turns', async () => {
    const order: string[] = [];
    const long = (): Buffer => bodyOf({ name: 'x', datatype: 'BYTES', shape: [20_000], data: Array(20_000).fill('a') });
    const gone = new Canceller();
    const ask = (name: string, caller: string, signal?: Canceller): Promise<unknown> =>
      thread.decode(long(), undefined, { caller, signal }).then(
        () => order.push(name),
        ({ code }: { code: string }) => order.push(`${name} ${code}`),
      );
    const asked = [ask('a1', 'a'), ask('a2', 'a'), ask('gone', 'a', gone), ask('a3', 'a'), ask('b1', 'b')];
    gone.abort();
    await Promise.all(asked);
    expect(order).toEqual(['gone LNMT8207', 'a1', 'a2', 'b1', 'a3']);
  });

  it('refuses what waits when the server ends', async () => {
    const ending = new DecodingThread();
    const waiting = ending.decode(bodyOf({ name: 'x' }), undefined);
    const closing = ending.close();
    await expect(waiting).rejects.toMatchObject({ status: 503, code: 'LNMT8004' });
    await closing;
    await expect(ending.decode(Buffer.from('{}'), undefined)).rejects.toMatchObject({ status: 503 });
  });
});
