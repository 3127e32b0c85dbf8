import type { IBuildingBlock, ICloud, IStorageProvider } from 'lnmt';
import { FakeCloud } from 'lnmt/testing';
import { expect, expectTypeOf, it } from 'vitest';

it('does not take an object that lacks a group of methods, or a method, for a cloud', () => {
  expectTypeOf<Omit<ICloud, 'data'>>().not.toExtend<ICloud>();
  expectTypeOf<Omit<IStorageProvider, 'fileStore'>>().not.toExtend<IStorageProvider>();
  expectTypeOf<FakeCloud>().toExtend<ICloud>();
  expect(new FakeCloud().name).toBe('fake');
});

it('gives neutral interfaces, whatever the cloud', () => {
  expectTypeOf<ReturnType<ICloud['storage']['objectStore']>>().toExtend<IBuildingBlock>();
  expectTypeOf<ReturnType<FakeCloud['storage']['objectStore']>>().toEqualTypeOf<
    ReturnType<IStorageProvider['objectStore']>
  >();
  expect(new FakeCloud().gaps).toEqual({});
});
