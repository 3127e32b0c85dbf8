import { describe, expect, it } from 'vitest';
import { parseModelsFile } from '../../../../runtime/inference/models-config';
import { ModelError } from '../../../../runtime/inference/errors';
import { settingsOf } from '../../../../runtime/inference/models/model-config';
import { noCanary, refuseStrangers, unknownDecision } from '../../../../runtime/inference/traffic/errors';
import { trafficOf } from '../../../../runtime/inference/traffic/rule-config';

describe('the traffic of a model', () => {
  it('is read with every default', () => {
    expect(trafficOf({ canary: { version: 'canary' }, shadow: { version: 4 } }, 'traffic')).toEqual({
      headers: [],
      canary: {
        ...{ version: 'canary', steps: [50, 100, 250], requestsPerStep: 500, secondsPerStep: 60 },
        ...{ latencyTolerance: 0.1, promote: true },
      },
      shadow: { version: '4', share: 1000, concurrency: 4, tolerance: { absolute: 1e-5, relative: 1e-3 } },
    });
  });

  it('stands in the list of models as in config.json', () => {
    const traffic = { weights: { 1: 900, 2: 100 }, sticky: { header: 'X-User' } };
    const rule = trafficOf(traffic, '');
    expect(settingsOf({ traffic, cache: { ttlSeconds: 5 } }, 'config.json')).toEqual({
      ...{ traffic: rule, cache: { enabled: true, ttl: 5 } },
    });
    const text = JSON.stringify({ models: [{ name: 'm', uri: 'file:///x', traffic, cache: false }] });
    expect(parseModelsFile(text, undefined)[0]?.settings).toEqual({ traffic: rule, cache: { enabled: false } });
  });

  it.each([
    [7, 'traffic is not an object'],
    [{ split: {} }, 'traffic has the unknown member "split"'],
    [{ weights: { 1: 900, 2: 99 } }, 'traffic.weights sums up to 999, not to 1000'],
    [{ weights: { 1: 900.5, 2: 99.5 } }, 'traffic.weights.1 is not an integer'],
    [{ weights: { 1: 1001 } }, 'traffic.weights.1 is not a number from 0 to 1000'],
    [{ weights: [1000] }, 'traffic.weights is not an object'],
    [{ weights: { '../x': 1000 } }, 'traffic.weights: a version does not match'],
    [
      { weights: Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`v${index}`, 0])) },
      'traffic.weights has more than 16 versions',
    ],
    [{ weights: { 1: 1000 }, canary: { version: '2' } }, 'traffic has both weights and canary'],
    [{ headers: [] }, 'traffic.headers is not a list of 1 to 32 entries'],
    [
      { headers: [{ header: 'a b', value: 'x', version: '1' }] },
      'traffic.headers[0].header is not the name of a header',
    ],
    [{ headers: [{ header: 'a', value: 7, version: '1' }] }, 'traffic.headers[0].value is not a text of at most 256'],
    [{ headers: [{ header: 'a', value: 'x' }] }, 'traffic.headers[0].version does not match'],
    [{ sticky: 'address' }, 'traffic.sticky is not "caller" or an object'],
    [{ sticky: { header: '' } }, 'traffic.sticky.header is not the name of a header'],
    [{ canary: {} }, 'traffic.canary.version does not match'],
    [{ canary: { version: '2', steps: [100, 100] } }, 'traffic.canary.steps is not ascending'],
    [{ canary: { version: '2', steps: [501] } }, 'traffic.canary.steps[0] is not a number from 1 to 500'],
    [{ canary: { version: '2', steps: [] } }, 'traffic.canary.steps is not a list of 1 to 16 entries'],
    [{ canary: { version: '2', maxShare: 49 } }, 'traffic.canary.maxShare is below the first step; state the steps'],
    [{ canary: { version: '2', promote: 'yes' } }, 'traffic.canary.promote is not true or false'],
    [{ canary: { version: '2', requestsPerStep: 0 } }, 'traffic.canary.requestsPerStep is not a number from 1'],
    [
      { canary: { version: '2', latencyTolerance: -1 } },
      'traffic.canary.latencyTolerance is not a number from 0 to 10',
    ],
    [{ shadow: { version: '2', share: 0 } }, 'traffic.shadow.share is not a number from 1 to 1000'],
    [{ shadow: { version: '2', concurrency: 65 } }, 'traffic.shadow.concurrency is not a number from 1 to 64'],
    [{ shadow: { version: '2', tolerance: { absolute: -1 } } }, 'traffic.shadow.tolerance.absolute is not a number'],
  ])('refuses %j', (value, message) => {
    expect(() => trafficOf(value, 'traffic')).toThrow(message);
  });

  it('refuses a version or alias that is not served (LNMT8341)', () => {
    const rule = trafficOf({ weights: { 1: 500, canary: 500 } }, 'traffic');
    expect(() => refuseStrangers(rule, ['1', 'canary'])).not.toThrow();
    expect(() => refuseStrangers(undefined, [])).not.toThrow();
    expect(() => refuseStrangers(rule, ['1'])).toThrow(new ModelError('LNMT8341', 'canary'));
  });
});

describe('the settings of a cache', () => {
  it.each([
    ['yes', 'cache is not true, false or an object'],
    [{ seconds: 1 }, 'cache has the unknown member "seconds"'],
    [{ ttlSeconds: 0 }, 'cache.ttlSeconds is not a number from 1 to 2592000'],
  ])('refuses %j', (cache, message) => {
    expect(() => settingsOf({ cache }, 'config.json')).toThrow(message);
  });

  it('may be empty', () => {
    expect(settingsOf({ cache: {} }, 'config.json').cache).toEqual({ enabled: true });
  });
});

it('errors of decisions have a status, a code and a message', () => {
  expect(noCanary()).toMatchObject({ status: 409, code: 'LNMT8401', message: 'the model has no canary' });
  expect(unknownDecision()).toMatchObject({
    ...{ status: 400, code: 'LNMT8402', message: 'canary is not promote, rollback or restart' },
  });
});
