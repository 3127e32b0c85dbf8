import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { BoundedStore } from '../../../../runtime/inference/models/bounded-store';
import type { ModelStore } from '../../../../runtime/inference/models/store';

const SILENCE_MS = 60;
const silent = expect.objectContaining({ code: 'LNMT8304', retryable: true }) as unknown;
const never = new Promise<never>(() => undefined);

/** A store that gives a file piece by piece, with a pause before each. */
const slow = (pauses: readonly number[]): ModelStore => ({
  open: async () =>
    Readable.from(
      (async function* () {
        for (const pause of pauses) {
          await delay(pause);
          yield Buffer.from(`${pause},`);
        }
      })(),
    ),
  list: async () => [{ name: 'm' }],
});

const bounded = (store: Partial<ModelStore>): BoundedStore =>
  new BoundedStore({ open: () => never, list: () => never, ...store }, SILENCE_MS);

describe('a store whose client waits for ever', () => {
  it('is given up when it is silent, before its answer and in the middle of it', async () => {
    await expect(bounded({}).open('f')).rejects.toEqual(silent);
    await expect(bounded({}).list('')).rejects.toEqual(silent);
    const source = await bounded(slow([1, 1, 60_000])).open('f');
    await expect(text(source)).rejects.toEqual(silent);
  });

  it('may take longer than that in all, and says what it would say otherwise', async () => {
    const pauses = Array<number>(8).fill(SILENCE_MS / 4);
    expect(await text(await bounded(slow(pauses)).open('f'))).toBe('15,'.repeat(8));
    expect(await bounded(slow([])).list('')).toEqual([{ name: 'm' }]);
    const failing = bounded({ open: () => Promise.reject(new Error('gone')) });
    await expect(failing.open('f')).rejects.toThrow('gone');
  });

  it('has what it opens too late let go', async () => {
    const late = Readable.from(['x']);
    const store = bounded({ open: () => delay(2 * SILENCE_MS, late) });
    await expect(store.open('f')).rejects.toEqual(silent);
    await expect.poll(() => late.destroyed).toBe(true);
  });
});
