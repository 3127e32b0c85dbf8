import { describe, expect, it } from 'vitest';
import { modelProcessLost, unknownModel } from '../../../../runtime/inference/errors';
import { proxyLayer } from '../../../../runtime/inference/edge/layer';
import type { ProxyOptions } from '../../../../runtime/inference/edge/layer';
import { withUpstream } from '../../../../runtime/inference/edge/service';
import type { UpstreamModels } from '../../../../runtime/inference/edge/upstream-models';
import { Via } from '../../../../runtime/inference/edge/via';
import { Disclosure } from '../../../../runtime/inference/serving/disclosure';
import type { Viewer } from '../../../../runtime/inference/serving/disclosure';
import type { InferenceCall } from '../../../../runtime/inference/serving/layer';
import type { LocalService } from '../../../../runtime/inference/serving/service';
import { policyDenied } from '../../../../runtime/shared/errors';

const CALL: InferenceCall = {
  ...{ name: 'm', version: undefined, request: { id: undefined, inputs: [], outputs: undefined } },
  ...{ signal: new AbortController().signal, caller: undefined, attribute: () => undefined },
};

/** Two servers, of which the one here fails as it is told; it counts who was asked. */
function between(mode: ProxyOptions['mode'], failure?: Error) {
  const asked: string[] = [];
  const layer = proxyLayer({
    ...{ mode, via: new Via('here'), timeoutMs: 1000, patienceMs: 1000 },
    upstream: {
      infer: async () => {
        asked.push('upstream');
        return { model: { name: 'm', version: '9' }, outputs: [], servedBy: 'upstream' };
      },
    },
    ...{ canAnswer: () => true, now: () => 0, answered: () => undefined },
  });
  const infer = layer(async () => {
    asked.push('local');
    if (failure !== undefined) throw failure;
    return { model: { name: 'm', version: '1' }, outputs: [] };
  });
  return { asked, infer };
}

const MODES = ['local-first', 'upstream-first'] as const;

describe.each(MODES)('a server beside an upstream server, %s', (mode) => {
  it('judges its caller for the version that the upstream server answered with', async () => {
    const { infer } = between(mode, unknownModel());
    const judged: unknown[] = [];
    await infer({ ...CALL, judge: (model) => void judged.push(model) });
    expect(judged).toEqual([{ name: 'm', version: '9' }]);
    const judge = (): void => {
      throw policyDenied();
    };
    await expect(infer({ ...CALL, judge })).rejects.toMatchObject({ code: 'LNMT8016' });
  });

  it('never asks the upstream server for a copy', async () => {
    const well = between(mode);
    expect(await well.infer({ ...CALL, isCopy: true })).toEqual({ model: { name: 'm', version: '1' }, outputs: [] });
    const ill = between(mode, modelProcessLost());
    await expect(ill.infer({ ...CALL, isCopy: true })).rejects.toMatchObject({ code: 'LNMT8206' });
    expect([well.asked, ill.asked]).toEqual([['local'], ['local']]);
  });
});

it('a server says of an answer of the upstream server whether its own model failed', async () => {
  expect(await between('local-first', modelProcessLost()).infer(CALL)).toMatchObject({ failedHere: true });
  expect((await between('local-first', unknownModel()).infer(CALL)).failedHere).toBeUndefined();
});

describe('a model that only the upstream server has', () => {
  const metadata = { name: 'm', versions: ['1', '2'], inputs: [], outputs: [] };
  const absent = (): never => {
    throw unknownModel();
  };
  const here = { identify: absent, describe: absent, isReady: absent } as unknown as LocalService;
  const there = { describe: async () => metadata, isReady: async () => true } as unknown as UpstreamModels;
  const disclosure = new Disclosure(withUpstream(here, there, new Via('here')));
  const kept = (hidden: string): Viewer => ({
    judge: ({ version }) => {
      if (version === hidden) throw policyDenied();
    },
    shows: (_name, version) => version !== hidden,
  });

  it.each([undefined, 'canary'])('is told of by %s only where none of its versions is kept back', async (version) => {
    expect(await disclosure.metadata({ name: 'm', version }, kept('3'))).toMatchObject({ versions: ['1', '2'] });
    await expect(disclosure.metadata({ name: 'm', version }, kept('1'))).rejects.toMatchObject({ code: 'LNMT8016' });
  });

  it('is told of by a version that may be told of, without the others', async () => {
    expect(await disclosure.metadata({ name: 'm', version: '2' }, kept('1'))).toMatchObject({ versions: ['2'] });
    expect(await disclosure.isReady({ name: 'm' }, kept(''))).toBe(true);
  });
});
