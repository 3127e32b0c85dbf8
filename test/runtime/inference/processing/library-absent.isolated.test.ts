import type * as nodeModule from 'node:module';
import { describe, expect, it, vi } from 'vitest';
import { openTestSteps } from '../../support/plugins';

vi.mock('node:module', async (original) => {
  const real = await original<typeof nodeModule>();
  // As on a system where the library was not installed.
  const createRequire: typeof real.createRequire = (file) => {
    const load = real.createRequire(file);
    const resolve = (name: string): string => {
      if (name === 'sharp') throw new Error(`Cannot find module '${name}'`);
      return load.resolve(name);
    };
    return Object.assign((name: string): unknown => load(name), load, {
      resolve: Object.assign(resolve, load.resolve),
    });
  };
  return { ...real, createRequire, default: { ...real, createRequire } };
});

describe('a server without the library for images', () => {
  it('names the package where a model decodes images and the library is not there', async () => {
    const steps = await openTestSteps({});
    await expect(steps.images()).rejects.toThrow(
      'LNMT8365: the library for images is not installed: run npm install sharp',
    );
    await steps.close();
  });
});
