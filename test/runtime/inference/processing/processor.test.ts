import { expect, it, vi } from 'vitest';
import { Processor } from '../../../../runtime/inference/processing/processor';

it('ends what the steps around a version hold once, when nobody uses it any more, for all who wait for that', async () => {
  const model = { name: 'm', version: '1' };
  const plan = {
    ...{ signature: { inputs: [], outputs: [] }, before: [], inputs: [], route: () => ({ outputs: [], steps: [] }) },
  };
  const release = vi.fn(async () => undefined);
  const processor = new Processor({ model, plan, checks: new Map(), observe: () => undefined, release });
  let answer: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (answer = resolve));
  const call = {
    ...{ name: 'm', version: undefined, signal: new AbortController().signal, caller: undefined },
    ...{ attribute: () => undefined, request: { id: undefined, inputs: [], outputs: undefined } },
  };
  const answered = processor.answer(call, async () => {
    await gate;
    return { model, outputs: [] };
  });
  const retired = Promise.all([processor.retire(), processor.retire()]);
  expect(release).not.toHaveBeenCalled();
  answer();
  await Promise.all([answered, retired]);
  expect(release).toHaveBeenCalledTimes(1);
});
