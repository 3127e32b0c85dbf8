import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inferPath } from '../../../runtime/contract';
import { GrpcClient } from '../support/grpc-client';
import { FULL_KEY, testServer } from '../support/server';
import type { TestServer } from '../support/server';

type Values = Readonly<Record<string, number | string | boolean>>;

/** What a request says beside its tensors. */
interface Said {
  readonly request?: Values;
  readonly input?: Values;
  readonly output?: Values;
}

const KEY = { 'x-api-key': FULL_KEY };

let server: TestServer;
let client: GrpcClient;

beforeAll(async () => {
  server = await testServer();
  await server.load('model.onnx');
  client = GrpcClient.inference(await server.grpc.listen('127.0.0.1', 0));
});

afterAll(async () => {
  client.close();
  server.grpc.cut();
  await server.app.close();
});

async function overRest({ request = {}, input = {}, output = {} }: Said): Promise<string> {
  const answer = await server.app.inject({
    ...{ method: 'POST', url: inferPath('demo'), headers: KEY },
    payload: {
      inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 2.5], parameters: input }],
      outputs: [{ name: 'y', parameters: output }],
      parameters: request,
    },
  });
  if (answer.statusCode === 200) return 'answered';
  return `${String(answer.headers['x-error-code'])} ${answer.json<{ error: string }>().error}`;
}

function typed(values: Values): object {
  const member = { number: 'int64_param', string: 'string_param', boolean: 'bool_param' } as const;
  const kind = (value: Values[string]): 'number' | 'string' | 'boolean' =>
    typeof value === 'number' ? 'number' : typeof value === 'string' ? 'string' : 'boolean';
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { [member[kind(value)]]: value }]));
}

async function overGrpc({ request = {}, input = {}, output = {} }: Said): Promise<string> {
  const tensor = { name: 'x', datatype: 'FP32', shape: ['1', '2'], contents: { fp32_contents: [1, 2.5] } };
  const asked = {
    model_name: 'demo',
    inputs: [{ ...tensor, parameters: typed(input) }],
    outputs: [{ name: 'y', parameters: typed(output) }],
    parameters: typed(request),
  };
  return client.call('ModelInfer', asked, KEY).then(
    () => 'answered',
    (error: unknown) => {
      const { details, metadata } = error as { details: string; metadata: { get(name: string): unknown[] } };
      return `${String(metadata.get('x-error-code')[0])} ${details}`;
    },
  );
}

describe.each([
  ['REST', overRest],
  ['gRPC', overGrpc],
])('a parameter that no answer can follow, over %s', (_name, ask) => {
  it.each<[string, Said, string]>([
    ['a sequence', { request: { sequence_id: 7, sequence_start: true } }, 'the parameter sequence_id is not supported'],
    ['a sequence by its name', { request: { sequence_id: 'a' } }, 'the parameter sequence_id is not supported'],
    ['the end of a sequence', { request: { sequence_end: true } }, 'the parameter sequence_end is not supported'],
    ['classes', { output: { classification: 3 } }, 'outputs[0].parameters.classification is not supported'],
    [
      'an output in shared memory',
      { output: { shared_memory_region: 'r' } },
      'outputs[0].parameters.shared_memory_region is not supported',
    ],
    [
      'an input in shared memory',
      { input: { shared_memory_region: 'r' } },
      'input "x": shared memory is not supported',
    ],
  ])('is refused: %s', async (_title, said, message) => {
    const runs = server.backend.runs;
    expect(await ask(said)).toContain(`LNMT8201 ${message}`);
    expect(server.backend.runs).toBe(runs);
  });

  it('says nothing where it is 0, empty or false', async () => {
    const request = { sequence_id: 0, sequence_start: false, sequence_end: false };
    const output = { classification: 0, shared_memory_region: '' };
    expect(await ask({ request, output, input: { shared_memory_region: '' } })).toBe('answered');
    expect(await ask({ request: { sequence_id: '' } })).toBe('answered');
  });
});
