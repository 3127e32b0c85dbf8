import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { Images } from 'lnmt';
import { buildArguments } from '../../../runtime/cli/images/build-arguments';
import { IMAGE_FEATURE_NAMES } from '../../../runtime/contract';
import { cli, fakePrograms, ROOT, scratch } from './support';

const DIGEST = `sha256:${'ab'.repeat(32)}`;
const REGISTRY = 'registry.example.com:5000/lnmt';

/** A tool that writes its arguments down, one call a line. */
function fakeTool(name: string, script = ''): { readonly PATH: string; readonly calls: () => string[] } {
  const log = path.join(scratch(), 'calls');
  const PATH = fakePrograms({ [name]: `[ "$1" = info ] && exit 0\necho "$@" >> ${log}\n${script}` });
  return { PATH, calls: () => fs.readFileSync(log, 'utf8').trim().split('\n') };
}

describe('lnmt images', () => {
  test('builds from the Dockerfile of the contract, with flavour and version', async () => {
    const { PATH, calls } = fakeTool('docker');
    const { code, out } = await cli(['images', 'build', '--only', 'inference', '--flavour', 'cuda', '--tag', 't'], {
      env: { PATH },
    });
    expect(code).toBe(0);
    expect(out).toBe('lnmt/inference-cuda:t\n');
    expect(calls()).toEqual([
      `build --file ${ROOT}/runtime/inference/Dockerfile --tag lnmt/inference-cuda:t --build-arg FLAVOUR=cuda --build-arg VERSION=0.1.0 ${ROOT}`,
    ]);
  });

  test.each([
    ['s3,grpc,policies', 's3,grpc,policies'],
    [' policies , graphql,policies', 'policies,graphql'],
    ['', ''],
    [IMAGE_FEATURE_NAMES.join(','), IMAGE_FEATURE_NAMES.join(',')],
  ])('builds the inference server with the features %j', async (asked, told) => {
    const { PATH, calls } = fakeTool('podman');
    const { code } = await cli(['images', 'build', '--only', 'inference', '--features', asked], { env: { PATH } });
    expect(code).toBe(0);
    expect(calls()[0]).toContain(` --build-arg VERSION=0.1.0 --build-arg FEATURES=${told} ${ROOT}`);
  });

  test('names the features that there are when one is none, before anything is built', async () => {
    const { PATH, calls } = fakeTool('docker');
    const argv = ['images', 'build', '--only', 'inference', '--features', 's3,tpu'];
    const { code, err } = await cli(argv, { env: { PATH } });
    expect(code).toBe(2);
    expect(err).toMatch(/error LNMT6001: --features names nothing that there is\n {2}got: {5}tpu/);
    for (const name of IMAGE_FEATURE_NAMES) expect(err).toContain(name);
    expect(calls).toThrow('ENOENT');
  });

  test('has features for the inference server only', () => {
    const training = { name: 'training', flavour: 'cpu', key: 'training', dockerfile: 'Dockerfile' } as const;
    expect(() => buildArguments(training, { features: 's3' })).toThrow('--features is for the inference server');
    expect(buildArguments(training, {})).toEqual({});
  });

  test.each([
    ['cpu', 'CPU_IMAGE', 'registry.example.com/vulkan:1.3'],
    ['cuda', 'CUDA_IMAGE', `registry.example.com:5000/team/tensorrt@${DIGEST}`],
  ])('builds the %s flavour on another base with %s', async (flavour, argument, base) => {
    const { PATH, calls } = fakeTool('buildah');
    const argv = ['images', 'build', '--only', 'inference', '--flavour', flavour, '--base', base];
    expect((await cli(argv, { env: { PATH } })).code).toBe(0);
    expect(calls()[0]).toContain(` --build-arg ${argument}=${base} ${ROOT}`);
  });

  test.each([
    ['docker', `[ "$1" = push ] && echo "t: digest: ${DIGEST} size: 1234"; true`],
    ['docker', `[ "$1" = image ] && echo '["${REGISTRY}/inference@${DIGEST}"]'; true`],
    ['podman', `[ "$1" = push ] && printf %s ${DIGEST} > "$3"; true`],
    ['buildah', `[ "$1" = push ] && printf %s ${DIGEST} > "$3"; true`],
  ])('prints the digest that %s reports, as a program can take it', async (name, script) => {
    const { PATH } = fakeTool(name, script);
    const argv = ['images', 'push', '--only', 'inference', '--registry', `${REGISTRY}/`, '--context', '/nowhere'];
    const { out } = await cli(argv, { env: { PATH } });
    expect(out).toBe(`Images.from('${REGISTRY}', {\n  'inference': '${DIGEST}',\n})\n`);
    const { registry, digests } = JSON.parse((await cli([...argv, '--json'], { env: { PATH } })).out) as {
      registry: string;
      digests: Record<string, string>;
    };
    expect(Images.from(registry, digests).registry).toBe(REGISTRY);
  });

  test('passes over a tool whose daemon does not run, unless it is the only one', async () => {
    const dead = '[ "$1" = info ] && exit 1; echo "no daemon" >&2; exit 1';
    const both = `${fakePrograms({ docker: dead })}:${fakeTool('buildah').PATH}`;
    const argv = ['images', 'build', '--only', 'inference'];
    expect((await cli(argv, { env: { PATH: both } })).code).toBe(0);
    expect((await cli(argv, { env: { PATH: fakePrograms({ docker: dead }) } })).err).toContain('no daemon');
  });

  test('refuses without a tool, says how to get one, and ends with the code for a missing prerequisite', async () => {
    const { code, err } = await cli(['images', 'build', '--only', 'inference'], { env: { PATH: scratch() } });
    expect(code).toBe(4);
    expect(err).toMatch(/error LNMT6009[^]*docker, podman, buildah[^]*apt-get install buildah/);
  });

  test('reports the last words of a tool that fails', async () => {
    const { PATH } = fakeTool('docker', 'echo "no space left" >&2; exit 7');
    const { code, err } = await cli(['images', 'build', '--only', 'inference'], { env: { PATH } });
    expect(code).toBe(1);
    expect(err).toMatch(/error LNMT6010: `docker build` ended with code 7\n {2}got: {5}no space left/);
  });

  test('refuses a push that reports no digest', async () => {
    const { PATH } = fakeTool('docker', '[ "$1" = image ] && echo "[]"; true');
    const { err } = await cli(['images', 'push', '--only', 'inference', '--registry', REGISTRY], { env: { PATH } });
    expect(err).toContain('it reported no digest');
  });

  test.each([
    [['--only', 'kernel'], 'LNMT6001', 2],
    [['--only', 'inference', '--flavour', 'rocm'], 'LNMT6001', 2],
    [['--only', 'inference', '--registry', 'https://registry.example.com'], 'LNMT6001', 2],
    [['--only', 'inference', '--base', 'registry.example.com/base'], 'LNMT6001', 2],
    [['--only', 'inference', '--base', 'base:latest'], 'LNMT6001', 2],
    [['--only', 'inference', '--base', '--privileged'], 'LNMT6001', 2],
    [['--only', 'inference', '--base', 'a:1 --network=host'], 'LNMT6001', 2],
    [['--only', 'inference', '--context', '/nowhere'], 'LNMT6011', 4],
  ])('refuses %j', async (options, expected, exitCode) => {
    const { PATH } = fakeTool('docker');
    const { code, err } = await cli(['images', 'build', ...options], { env: { PATH } });
    expect([code, err]).toEqual([exitCode, expect.stringContaining(`error ${expected}`)]);
  });
});
