import { describe, expect, it, vi } from 'vitest';
import { OpenRequests } from '../../../runtime/shared/open-requests';

const about = (id: string, model?: string) => ({ id, route: 'POST /v2/models/:name/infer', model });
const never = (): Promise<never> => new Promise(() => undefined);

describe('open requests', () => {
  it('are those that are not over', async () => {
    const open = new OpenRequests();
    const answered = open.follow(about('a'), Promise.resolve('done'));
    const failed = open.follow(about('b'), Promise.reject(new Error('no')));
    const held = open.follow(about('c'), never());
    held.catch(() => undefined);
    expect(await answered).toBe('done');
    await expect(failed).rejects.toThrow('no');
    expect(open.size).toBe(1);
  });

  it('are answered with 503 and told when they are cut, and so is what comes afterwards', async () => {
    const open = new OpenRequests();
    const held = ['a', 'b'].map((id) => open.follow(about(id, 'demo'), never()));
    expect(open.cut()).toEqual([about('a', 'demo'), about('b', 'demo')]);
    for (const each of [...held, open.follow(about('late'), never())]) {
      await expect(each).rejects.toMatchObject({ status: 503, code: 'LNMT8004', retryAfter: 1 });
    }
  });

  it('do not repeat what a client invents as the name of a model', () => {
    const open = new OpenRequests();
    for (const model of ['a/../b', 'x'.repeat(10_000), 'de\nmo'])
      open.follow(about('a', model), never()).catch(() => 0);
    expect(open.cut()).toEqual([about('a'), about('a'), about('a')]);
  });

  it('end streams once, when no more requests are taken', () => {
    const open = new OpenRequests();
    const [stays, left, late] = [vi.fn(), vi.fn(), vi.fn()];
    open.addStream(stays);
    open.addStream(left)();
    open.close();
    open.addStream(late);
    open.cut();
    expect([stays, left, late].map(({ mock }) => mock.calls.length)).toEqual([1, 0, 1]);
  });
});
