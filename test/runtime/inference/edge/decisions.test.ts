import { describe, expect, it } from 'vitest';
import { UPSTREAM_BREAKER as BREAKER } from '../../../../runtime/inference/edge/upstream';
import { Breaker } from '../../../../runtime/shared/breaker';
import { reasonOf } from '../../../../runtime/inference/edge/layer';
import { HEADERS } from '../../../../runtime/contract';
import { mayPass, passedHeaders } from '../../../../runtime/inference/edge/passed-on';
import { MAX_HOPS, Via } from '../../../../runtime/inference/edge/via';
import {
  checkOutputs,
  readWireAnswer,
  readWireMetadata,
  writeWireRequest,
} from '../../../../runtime/inference/edge/wire';
import {
  deadlinePassed,
  invalidRequest,
  modelOutOfMemory,
  modelProcessLost,
  queueFull,
  unknownModel,
} from '../../../../runtime/inference/errors';
import { notLoaded } from '../../../../runtime/inference/registry/errors';
import { overLimit } from '../../../../runtime/shared/errors';
import { readConfig } from '../../../../runtime/inference/config';

describe('a breaker', () => {
  const opened = (): { breaker: Breaker; clock: { time: number } } => {
    const clock = { time: 0 };
    const breaker = new Breaker(BREAKER, () => clock.time);
    for (let turn = 0; turn < BREAKER.failures; turn += 1) breaker.enter()?.failed();
    return { breaker, clock };
  };

  it('opens after failures in a row, lets one try, and closes when that succeeds', () => {
    const { breaker, clock } = opened();
    expect([breaker.open, breaker.enter(), breaker.retryAfter]).toEqual([true, undefined, 1]);
    clock.time = BREAKER.pauseMs;
    const probe = breaker.enter();
    expect([probe === undefined, breaker.enter()]).toEqual([false, undefined]);
    probe?.succeeded();
    expect([breaker.open, breaker.enter() === undefined]).toEqual([false, false]);
  });

  it('waits longer after each try that fails, and has a bound', () => {
    const { breaker, clock } = opened();
    let until: number = BREAKER.pauseMs;
    let pause: number = BREAKER.pauseMs;
    for (let turn = 0; turn < 10; turn += 1) {
      clock.time = until;
      const probe = breaker.enter();
      expect(probe).toBeDefined();
      probe?.failed();
      pause = Math.min(2 * pause, BREAKER.mostPauseMs);
      until = clock.time + pause;
      clock.time = until - 1;
      expect(breaker.enter()).toBeUndefined();
    }
    expect(pause).toBe(BREAKER.mostPauseMs);
  });

  it('lets another try where the one who tried says nothing', () => {
    const { breaker, clock } = opened();
    clock.time = BREAKER.pauseMs;
    breaker.enter()?.abandoned();
    expect(breaker.enter()).toBeDefined();
  });

  it('opens at once for a neighbour that asks for rest, not longer than its bound', () => {
    const clock = { time: 0 };
    const breaker = new Breaker(BREAKER, () => clock.time);
    breaker.enter()?.failed(1e9);
    clock.time = BREAKER.mostPauseMs - 1;
    expect(breaker.enter()).toBeUndefined();
    clock.time = BREAKER.mostPauseMs;
    expect(breaker.enter()).toBeDefined();
  });
});

describe('the list of servers that passed a request on', () => {
  const via = new Via('me');

  it('grows by this server', () => {
    expect([via.next(undefined), via.next('a'), via.next('a, b')]).toEqual(['me', 'a,me', 'a,b,me']);
  });

  it.each([['me'], ['a,me,b'], ['a,b,c,d'], ['a b'], ['x'.repeat(65)], [',']])('refuses %s', (list) => {
    expect(list.split(',').length <= MAX_HOPS && via.next(list) !== undefined).toBe(false);
  });
});

describe('a header of a caller', () => {
  it.each([
    ...['authorization', 'proxy-authorization', 'cookie', 'x-api-key', 'x-auth-user', 'x-amz-security-token'],
    ...['x-forwarded-for', 'x-forwarded-client-cert', 'forwarded', 'x-real-ip', 'ssl-client-cert', 'x-secret'],
    ...['connection', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'proxy-connection', 'expect'],
    ...['host', 'content-length', 'content-encoding', 'accept-encoding', HEADERS.via, HEADERS.requestTimeout],
    ...['X-Variant', '', 'x variant', 'x-variant\r\nhost', '-x', 'x'.repeat(65)],
  ])('%j stays here', (name) => {
    expect(mayPass(name)).toBe(false);
    expect(passedHeaders(() => 'value', [name])).toEqual({ [HEADERS.cacheControl]: 'value' });
  });

  it('goes along by name, where its value is one that a header may have', () => {
    const values: Readonly<Record<string, string>> = {
      ...{
        'x-variant': 'b\tü',
        'x-line': 'a\r\nhost: evil',
        'x-long': 'x'.repeat(5_000),
        'x-wide': 'ł',
        'x-empty': '',
      },
    };
    expect(passedHeaders((name) => values[name], [...Object.keys(values), 'x-none'])).toEqual({
      ...{ 'x-variant': 'b\tü', 'x-empty': '' },
    });
  });
});

describe('a failure here', () => {
  it.each([
    [unknownModel(), 'absent'],
    [notLoaded(), 'not-ready'],
    [queueFull(3), 'overloaded'],
    [overLimit('much', 1), 'overloaded'],
    [modelOutOfMemory('6 GB'), 'overloaded'],
    [modelProcessLost(), 'failed'],
    [new Error('defect'), 'failed'],
    [deadlinePassed(), undefined],
    [invalidRequest('x'), undefined],
  ] as const)('%s is a reason to ask elsewhere: %s', (error, reason) => {
    expect(reasonOf(error)).toBe(reason);
  });
});

describe('the form that tensors travel in', () => {
  const request = {
    ...{ id: 'q', outputs: ['y'], priority: 2 },
    inputs: [{ name: 'x', datatype: 'INT8', shape: [2], data: new Uint8Array([1, 2]) }],
  } as const;

  it('is the binary extension of the protocol', () => {
    const { body, headerBytes } = writeWireRequest(request);
    expect(JSON.parse(body.subarray(0, headerBytes).toString())).toEqual({
      id: 'q',
      inputs: [{ name: 'x', datatype: 'INT8', shape: [2], parameters: { binary_data_size: 2 } }],
      outputs: [{ name: 'y', parameters: { binary_data: true } }],
      parameters: { binary_data_output: true, priority: 2 },
    });
    expect([...body.subarray(headerBytes)]).toEqual([1, 2]);
  });

  it('has the parameters of the request, but for those that each server writes for itself', () => {
    const parameters = {
      ...{ tier: 'gold', big: 2n ** 60n, none: Number.NaN, most: Infinity, ['__proto__']: 1 },
      ...{ timeout: 5, priority: 7, binary_data_output: false, cache: true },
    };
    const { body, headerBytes } = writeWireRequest({ ...request, parameters, cache: false });
    const json = body.subarray(0, headerBytes).toString();
    expect(json).toContain(
      '"parameters":{"binary_data_output":true,"priority":2,"cache":false,"tier":"gold","big":1152921504606846976,"__proto__":1}}',
    );
    expect(() => JSON.parse(json) as unknown).not.toThrow();
  });

  const answer = (document: object, ...bytes: number[]): [Buffer, string] => {
    const json = JSON.stringify(document);
    return [Buffer.concat([Buffer.from(json), Buffer.from(bytes)]), String(json.length)];
  };
  const output = { name: 'y', datatype: 'INT8', shape: [2], parameters: { binary_data_size: 2 } };

  it('is read with bytes, without elements, and as JSON', () => {
    const read = readWireAnswer(...answer({ model_version: '3', outputs: [output] }, 5, 6));
    expect([read.version, [...(read.outputs[0]?.data ?? [])]]).toEqual(['3', [5, 6]]);
    const none = { ...output, shape: [0, 6], parameters: { binary_data_size: 0 } };
    expect(readWireAnswer(...answer({ model_version: '<b>', outputs: [none] }))).toMatchObject({
      version: undefined,
      outputs: [{ shape: [0, 6] }],
    });
    const plain = JSON.stringify({ outputs: [{ name: 'y', datatype: 'INT8', shape: [2], data: [7, 8] }] });
    expect([...(readWireAnswer(Buffer.from(plain), undefined).outputs[0]?.data ?? [])]).toEqual([7, 8]);
  });

  it.each([
    ['[]', [[]]],
    ['no outputs', [{}]],
    ['bytes that are missing', [{ outputs: [output] }, 5]],
    ['bytes that are too many', [{ outputs: [output] }, 5, 6, 7]],
    ['a shape that does not fit', [{ outputs: [{ ...output, shape: [3] }] }, 5, 6]],
    ['a shape below 0', [{ outputs: [{ ...output, shape: [-2] }] }, 5, 6]],
    ['a datatype that is none', [{ outputs: [{ ...output, datatype: 'INT9' }] }, 5, 6]],
    ['two outputs of one name', [{ outputs: [output, output] }, 5, 6, 5, 6]],
  ] as [string, [object, ...number[]]][])('refuses %s', (_title, parts) => {
    expect(() => readWireAnswer(...answer(...parts))).toThrow();
  });

  it('refuses an answer without an output that was asked for, and metadata that is none', () => {
    expect(() => checkOutputs([], ['y'])).toThrow('missing');
    expect(() => readWireMetadata(Buffer.from('{"inputs":[]}'), 'm')).toThrow('outputs');
    expect(() => readWireMetadata(Buffer.from('{"versions":["/"],"inputs":[],"outputs":[]}'), 'm')).toThrow('versions');
  });
});

describe('the settings of the edge', () => {
  const problems = (env: Record<string, string>): string => {
    try {
      readConfig({ LNMT_UPSTREAM_URL: 'https://up.example.com', ...env });
      return '';
    } catch (error) {
      return String(error);
    }
  };

  it('need no model where there is an upstream server', () => {
    expect(problems({})).toBe('');
    expect(problems({ LNMT_UPSTREAM_URL: 'http://127.0.0.1:8080/base' })).toBe('');
  });

  it.each([
    [{ LNMT_UPSTREAM_URL: 'http://up.example.com' }, 'LNMT_UPSTREAM_URL'],
    [{ LNMT_UPSTREAM_URL: 'https://u:p@up.example.com' }, 'LNMT_UPSTREAM_URL'],
    [{ LNMT_UPSTREAM_URL: 'https://169.254.169.254' }, 'LNMT_UPSTREAM_URL'],
    [{ LNMT_UPSTREAM_URL: 'up' }, 'LNMT_UPSTREAM_URL'],
    [{ LNMT_TELEMETRY_URL: 'http://collector.example.com' }, 'LNMT_TELEMETRY_URL'],
    [{ LNMT_TELEMETRY_TOKEN_FILE: '/t' }, 'LNMT_TELEMETRY_TOKEN_FILE'],
    [{ LNMT_UPSTREAM_CERT_FILE: '/c' }, 'LNMT_UPSTREAM_CERT_KEY_FILE'],
    [{ LNMT_TELEMETRY_PAYLOADS: 'true' }, 'LNMT_TELEMETRY_PAYLOADS'],
    [{ LNMT_UPSTREAM_MODE: 'both' }, 'LNMT_UPSTREAM_MODE'],
    [{ LNMT_UPSTREAM_HEADERS: 'x-variant,Authorization' }, 'LNMT_UPSTREAM_HEADERS lists "Authorization"'],
    [{ LNMT_UPSTREAM_HEADERS: 'x-api-key' }, 'LNMT_UPSTREAM_HEADERS lists "x-api-key"'],
    [{ LNMT_UPSTREAM_HEADERS: 'a,b b' }, 'LNMT_UPSTREAM_HEADERS lists "b b"'],
    [{ LNMT_UPSTREAM_HEADERS: new Array(33).fill('a').join() }, 'lists 33 headers; at most 32'],
    [{ LNMT_UPSTREAM_URL: '', LNMT_UPSTREAM_HEADERS: 'x-variant' }, 'LNMT_UPSTREAM_HEADERS is set without'],
  ])('refuses %j', (env, name) => {
    expect(problems(env)).toContain(name);
  });
});
