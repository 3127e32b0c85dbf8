import { describe, expect, it } from 'vitest';
import { isLoopback, parseStoreUri, readConfig } from '../../../runtime/inference/config';
import { SERVER_VERSION } from '../../../runtime/inference/version';
import packageFile from '../../../runtime/inference/package.json';

const ENV = { LNMT_MODEL_NAME: 'digits', LNMT_MODEL_VERSION: '3', LNMT_MODEL_URI: 's3://bucket/a/b/' };

describe('the configuration', () => {
  it('has the defaults of the contract and the place of the models', () => {
    expect(readConfig(ENV)).toMatchObject({
      httpPort: 8080,
      metricsPort: 9090,
      bindAddress: '127.0.0.1',
      auth: ['api-keys'],
      executionProvider: 'cpu',
      repository: undefined,
      models: [
        {
          ...{ name: 'digits', load: 'pinned', closed: true, versions: { kind: 'specific', versions: ['3'] } },
          location: { kind: 's3', bucket: 'bucket', prefix: 'a/b' },
        },
      ],
    });
  });

  it.each([
    ['file:///a/b%20c', { kind: 'file', dir: '/a/b c' }],
    ['s3://bucket', { kind: 's3', bucket: 'bucket', prefix: '' }],
  ])('takes %s as a store', (uri, location) => {
    expect(parseStoreUri(uri)).toEqual(location);
  });

  it.each([
    '',
    '/a/b',
    'file://host/a',
    'http://host/a',
    's3://',
    's3://id:secret@bucket',
    's3://bucket?x=1',
    'gs://',
    'az://account',
    'ftp://host/a',
  ])('refuses %j as a store, without repeating what may be a credential', (uri) => {
    const read = () => readConfig({ ...ENV, LNMT_MODEL_URI: uri });
    expect(read).toThrow('LNMT_MODEL_URI');
    expect(read).not.toThrow('secret');
  });

  it('batches requests as it is told, with preferred sizes in ascending order', () => {
    const told = {
      LNMT_MAX_BATCH_SIZE: '32',
      LNMT_MAX_QUEUE_DELAY_SECONDS: '0.002',
      LNMT_PREFERRED_BATCH_SIZES: '16,8',
      LNMT_MAX_QUEUE_SIZE: '50',
    };
    expect(readConfig({ ...ENV, ...told }).batching).toEqual({
      ...{ maxRows: 32, maxDelay: 0.002, preferred: [8, 16], maxQueue: 50 },
    });
    expect(readConfig(ENV).batching).toEqual({ maxRows: 0, maxDelay: 0, preferred: [], maxQueue: 1000 });
  });

  it('gives a load ten minutes, or what it is told', () => {
    expect(readConfig(ENV).loadTimeout).toBe(600);
    expect(readConfig({ ...ENV, LNMT_LOAD_TIMEOUT_SECONDS: '30' }).loadTimeout).toBe(30);
    expect(() => readConfig({ ...ENV, LNMT_LOAD_TIMEOUT_SECONDS: '0' })).toThrow('LNMT_LOAD_TIMEOUT_SECONDS');
  });

  it.each(['0', '8,', 'x', '1.5', '10000'])('refuses %j as preferred batch sizes', (sizes) => {
    expect(() => readConfig({ ...ENV, LNMT_PREFERRED_BATCH_SIZES: sizes })).toThrow('LNMT_PREFERRED_BATCH_SIZES');
  });

  it('keeps answers where it is given room for them, in a store that others share where it is told of one', () => {
    expect(readConfig(ENV).responseCache).toBeUndefined();
    const told = { LNMT_RESPONSE_CACHE_BYTES: '1000', LNMT_RESPONSE_CACHE_MODELS: 'digits,other' };
    expect(readConfig({ ...ENV, ...told }).responseCache).toEqual({
      ...{ bytes: 1000, ttl: 300, models: ['digits', 'other'], shared: false, second: undefined },
    });
    const shared = { LNMT_RESPONSE_CACHE_URL: 'rediss://cache:6380/2', LNMT_RESPONSE_CACHE_PASSWORD: 'p' };
    expect(readConfig({ ...ENV, ...told, ...shared }).responseCache?.second).toEqual({
      ...{ url: 'rediss://cache:6380/2', username: undefined, password: 'p', wait: 0.005 },
    });
    expect(() => readConfig({ ...ENV, ...shared })).toThrow('LNMT_RESPONSE_CACHE_URL needs LNMT_RESPONSE_CACHE_BYTES');
  });

  it.each(['http://cache', 'redis://', 'redis://user:secret@cache', 'redis://cache/x', 'redis://cache?db=1', 'cache'])(
    'refuses %j as a store of answers, without repeating what may be a credential',
    (url) => {
      const read = () => readConfig({ ...ENV, LNMT_RESPONSE_CACHE_BYTES: '1', LNMT_RESPONSE_CACHE_URL: url });
      expect(read).toThrow('LNMT_RESPONSE_CACHE_URL is not redis://host:port/database');
      expect(read).not.toThrow('secret');
    },
  );

  it('refuses a GPU that the provider would not run on, and takes it where the provider can', () => {
    const second = { ...ENV, LNMT_GPU_INDEX: '1' };
    expect(() => readConfig({ ...second, LNMT_EXECUTION_PROVIDER: 'webgpu' })).toThrow(
      /^LNMT8101: the configuration is wrong\nLNMT_GPU_INDEX is 1, and LNMT_EXECUTION_PROVIDER webgpu takes the first GPU$/,
    );
    expect(readConfig({ ...ENV, LNMT_GPU_INDEX: '0', LNMT_EXECUTION_PROVIDER: 'webgpu' }).gpuIndex).toBe(0);
    for (const provider of ['cpu', 'cuda', 'tensorrt']) {
      expect(readConfig({ ...second, LNMT_EXECUTION_PROVIDER: provider }).gpuIndex).toBe(1);
    }
  });

  it('holds processes of models to what it leaves of the container, where it knows the limit and is told nothing else', () => {
    const limited = { ...ENV, LNMT_MEMORY_LIMIT_BYTES: String(2 ** 30) };
    const budget = (env: Readonly<Record<string, string>>): number => readConfig(env).hostMemoryBytes;
    expect(budget(ENV)).toBe(0);
    expect(budget(limited)).toBe(2 ** 30 - 384 * 2 ** 20);
    expect(budget({ ...limited, LNMT_HOST_MEMORY_BYTES: '7' })).toBe(7);
    expect(budget({ ...limited, LNMT_HOST_MEMORY_BYTES: '0' })).toBe(0);
    expect(budget({ ...limited, LNMT_EXECUTION_PROVIDER: 'cuda' })).toBe(0);
    expect(budget({ ...ENV, LNMT_MEMORY_LIMIT_BYTES: String(512 * 2 ** 20) })).toBe(0);
    expect(() => budget({ ...ENV, LNMT_MEMORY_LIMIT_BYTES: '2Gi' })).toThrow('give a size in bytes');
  });

  it.each(['..', '.', 'a/b', 'A', '', '-a', 'a'.repeat(129)])('refuses %j as a model or version', (name) => {
    expect(() => readConfig({ ...ENV, LNMT_MODEL_NAME: name })).toThrow('LNMT_MODEL_NAME');
    expect(() => readConfig({ ...ENV, LNMT_MODEL_VERSION: name })).toThrow('LNMT_MODEL_VERSION');
  });

  it('refuses to serve others without authentication and without a reason', () => {
    const open = { ...ENV, LNMT_AUTH: 'none', LNMT_BIND_ADDRESS: '0.0.0.0' };
    expect(() => readConfig(open)).toThrow('LNMT_AUTH is none and LNMT_BIND_ADDRESS is 0.0.0.0');
    expect(readConfig({ ...open, LNMT_AUTH_NONE_REASON: 'demo' }).authNoneReason).toBe('demo');
    expect(readConfig({ ...open, LNMT_BIND_ADDRESS: '127.0.0.1' }).auth).toEqual(['none']);
  });

  it.each([
    ['127.0.0.1', true],
    ['127.9.9.9', true],
    ['::1', true],
    ['localhost', true],
    ['0.0.0.0', false],
    ['::', false],
    ['10.0.0.1', false],
    ['127.evil.example', false],
  ])('knows whether only this machine reaches %s', (address, expected) => {
    expect(isLoopback(address)).toBe(expected);
  });
});

describe('the version in server metadata', () => {
  it('is that of the package', () => {
    expect(SERVER_VERSION).toBe(packageFile.version);
  });
});
