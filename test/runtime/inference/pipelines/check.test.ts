import { beforeEach, describe, expect, it } from 'vitest';
import type { CheckResult } from '../../../../runtime/inference/pipelines/check';
import { Pipeline } from '../../../../runtime/inference/pipelines/pipeline';
import { PipelineError, problemText } from '../../../../runtime/inference/pipelines/problems';
import { failure, floats, PipelineBench, pipelinesOf, spec } from '../../support/pipeline-bench';

describe('a pipeline is held to its models', () => {
  let bench: PipelineBench;

  beforeEach(() => {
    bench = new PipelineBench();
    bench.adder('a', 1);
    bench.adder('b', 2);
    bench.model('rows', [spec('x', 'FP32', -1, 4)], [spec('y', 'FP32', -1, 8)]);
    bench.model('wide', [spec('x', 'FP32', -1, 8)], [spec('y', 'FP32', -1, 8)]);
    bench.model('any', [spec('x', 'FP32', -1, -1)], [spec('y', 'FP32', -1, -1)]);
    bench.model('whole', [spec('x', 'INT64', -1)], [spec('y', 'INT64', -1)]);
    bench.model('two', [spec('u', 'FP32', -1), spec('v', 'FP32', -1)], [spec('y', 'FP32', -1)]);
    bench.model('pair', [spec('x', 'FP32', -1)], [spec('y', 'FP32', -1), spec('z', 'FP32', -1)]);
    bench.model('mystery', [{ name: 'x', datatype: 'FP32', shape: undefined }], [spec('y', 'FP32', 2)]);
  });

  function check(nodes: object, more: object = {}): CheckResult {
    const [pipeline] = pipelinesOf({ name: 'p', inputs: ['x'], outputs: ['y'], root: 'main', nodes, ...more });
    if (pipeline === undefined) throw new Error('no pipeline');
    bench.serve([]);
    return new Pipeline(pipeline, bench.service, () => undefined).check();
  }

  const sequence = (...steps: object[]): object => ({ main: { kind: 'sequence', steps } });
  const signature = (result: CheckResult): object => (result.state === 'fits' ? result.signature : { result });
  const problems = (result: CheckResult): string[] =>
    result.state === 'wrong' ? result.problems.map(problemText) : [];

  it('and takes and gives what they do', () => {
    expect(
      signature(check(sequence({ model: 'rows', outputs: { y: 'h' } }, { model: 'wide', inputs: { x: 'h' } }))),
    ).toEqual({
      inputs: [spec('x', 'FP32', -1, 4)],
      outputs: [spec('y', 'FP32', -1, 8)],
    });
  });

  it('with open sizes that take those of the other end', () => {
    const nodes = sequence(
      { model: 'rows', outputs: { y: 'h' } },
      { model: 'any', inputs: { x: 'h' }, outputs: { y: 'i' } },
      { model: 'wide', inputs: { x: 'i' } },
    );
    expect(check(nodes).state).toBe('fits');
    const both = sequence({ model: 'any', outputs: { y: 'u' } }, { model: 'rows' });
    expect(signature(check(both, { outputs: ['u', 'y'] }))).toMatchObject({ inputs: [spec('x', 'FP32', -1, 4)] });
    expect(check(sequence({ model: 'mystery' })).state).toBe('fits');
  });

  it('and to what it says itself', () => {
    const nodes = sequence({ model: 'any' });
    const said = { inputs: [{ name: 'x', datatype: 'FP32', shape: [2, -1] }], outputs: [{ name: 'y', shape: [2, 3] }] };
    expect(signature(check(nodes, said))).toEqual({
      inputs: [spec('x', 'FP32', 2, -1)],
      outputs: [spec('y', 'FP32', 2, 3)],
    });
    const wrong = { inputs: [{ name: 'x', datatype: 'FP16' }], outputs: [{ name: 'y', shape: [1] }] };
    expect(problems(check(nodes, wrong))).toEqual([
      'LNMT8355: pipeline "p": tensor "x": the pipeline gives FP16, main/any takes FP32 [-1,-1]',
      'LNMT8355: pipeline "p": tensor "y": main/any gives FP32 [-1,-1], the pipeline takes any datatype [1]',
    ]);
  });

  it('through nodes inside one another and maps', () => {
    const nodes = {
      main: {
        kind: 'sequence',
        steps: [
          { node: 'head', outputs: { h: 'k' } },
          { node: 'tail', inputs: { h: 'k' } },
        ],
      },
      head: { kind: 'sequence', steps: [{ model: 'rows', outputs: { y: 'g' } }, { node: 'rename' }] },
      rename: { kind: 'map', tensors: { h: 'g' } },
      tail: {
        kind: 'fallback',
        branches: [
          { model: 'wide', inputs: { x: 'h' } },
          { model: 'any', inputs: { x: 'h' } },
        ],
      },
    };
    expect(signature(check(nodes))).toEqual({
      inputs: [spec('x', 'FP32', -1, 4)],
      outputs: [spec('y', 'FP32', -1, -1)],
    });
    const wrong = { ...nodes, tail: { kind: 'fallback', branches: [{ model: 'whole', inputs: { x: 'h' } }] } };
    expect(problems(check(wrong))).toEqual([
      'LNMT8355: pipeline "p": tensor "k": main/head gives FP32 [-1,8], tail/whole takes INT64 [-1]',
    ]);
  });

  it('where a branch that changes nothing has to fit the others', () => {
    const nodes = (model: string): object => ({
      main: { kind: 'switch', branches: [{ when: { header: 'raw', exists: true }, node: 'same' }], default: { model } },
      same: { kind: 'map', tensors: { y: 'x' } },
    });
    expect(signature(check(nodes('a')))).toEqual({ inputs: [spec('x', 'FP32', -1)], outputs: [spec('y', 'FP32', -1)] });
    bench.model('label', [spec('x', 'FP32', -1)], [spec('y', 'BYTES', -1)]);
    expect(problems(check(nodes('label')))[0]).toContain('LNMT8355');
    const alone = { main: { kind: 'map', tensors: { y: 'x' } } };
    expect(problems(check(alone))[0]).toBe(
      'LNMT8355: pipeline "p": tensor "x" may be any datatype; state the datatype in the pipeline',
    );
    expect(check(alone, { inputs: [{ name: 'x', datatype: 'UINT8' }] }).state).toBe('fits');
  });

  it.each<[string, object, object, string]>([
    [
      'a datatype that differs',
      sequence({ model: 'a', outputs: { y: 'h' } }, { model: 'whole', inputs: { x: 'h' } }),
      {},
      'LNMT8355: pipeline "p": tensor "h": main/a gives FP32 [-1], main/whole takes INT64 [-1]',
    ],
    [
      'a rank that differs',
      sequence({ model: 'a', outputs: { y: 'h' } }, { model: 'rows', inputs: { x: 'h' } }),
      {},
      'LNMT8355: pipeline "p": tensor "h": main/a gives FP32 [-1], main/rows takes FP32 [-1,4]',
    ],
    [
      'a size that differs',
      sequence({ model: 'rows', outputs: { y: 'h' } }, { model: 'rows', name: 'again', inputs: { x: 'h' } }),
      {},
      'LNMT8355: pipeline "p": tensor "h": main/rows gives FP32 [-1,8], main/again takes FP32 [-1,4]',
    ],
    [
      'an input that two models take differently',
      sequence({ model: 'rows', outputs: { y: 'h' } }, { model: 'wide' }),
      { outputs: ['h', 'y'] },
      'LNMT8355: pipeline "p": tensor "x": main/rows takes FP32 [-1,4], main/wide takes FP32 [-1,8]',
    ],
    [
      'a model that is not there',
      sequence({ model: 'gone', version: '3' }),
      {},
      'LNMT8352: pipeline "p": step "main/gone": the model "gone" version "3" is not served here',
    ],
    [
      'steps that wait for one another',
      sequence(
        { model: 'a', inputs: { x: 'h' }, outputs: { y: 'i' } },
        { model: 'b', inputs: { x: 'i' }, outputs: { y: 'h' } },
      ),
      {},
      'LNMT8353: pipeline "p": steps "main/a", "main/b" wait for one another: tensor "h"',
    ],
    [
      'a step that waits for itself',
      sequence({ model: 'a', outputs: { y: 'x' } }),
      {},
      'LNMT8353: pipeline "p": steps "main/a" wait for one another: tensor "x"',
    ],
    [
      'a tensor that two steps give',
      sequence({ model: 'a' }, { model: 'b' }),
      {},
      'LNMT8356: pipeline "p": tensor "y" is given by two: steps "main/a" and "main/b"',
    ],
    [
      'a tensor that a step gives twice',
      sequence({ model: 'pair', outputs: { y: 'y', z: 'y' } }),
      {},
      'LNMT8356: pipeline "p": step "main/pair" gives the tensor "y" twice',
    ],
    [
      'a tensor that two branches give beside one another',
      { main: { kind: 'ensemble', branches: [{ model: 'a' }, { model: 'b' }] } },
      {},
      'LNMT8356: pipeline "p": tensor "y" is given by main/a and by main/b',
    ],
    [
      'an output that nothing takes',
      sequence({ model: 'pair' }),
      {},
      'LNMT8357: pipeline "p": step "main/pair": nothing takes the tensor "z"',
    ],
    [
      'an output of a node that nothing takes',
      {
        main: { kind: 'sequence', steps: [{ node: 'inner', outputs: { y: 'y' } }] },
        inner: { kind: 'sequence', steps: [{ model: 'pair' }] },
      },
      {},
      'LNMT8357: pipeline "p": step "main/inner": nothing takes the output "z"',
    ],
    [
      'a tensor inside a sequence that nothing takes',
      { main: { kind: 'sequence', outputs: ['y'], steps: [{ model: 'pair' }] } },
      {},
      'LNMT8357: pipeline "p": step "main/pair": nothing takes the tensor "z"',
    ],
    [
      'an input that nothing takes',
      sequence({ model: 'a' }),
      { inputs: ['x', 'w'] },
      'LNMT8357: pipeline "p": nothing takes the input "w"',
    ],
    [
      'an input that nothing gives',
      sequence({ model: 'two', inputs: { u: 'x' } }),
      {},
      'LNMT8354: pipeline "p": nothing gives the tensor "v", which main/two takes',
    ],
    [
      'an output that nothing gives',
      sequence({ model: 'a' }),
      { outputs: ['y', 'score'] },
      'LNMT8354: pipeline "p": nothing gives the output "score"',
    ],
    [
      'an output of a sequence that nothing gives',
      { main: { kind: 'sequence', outputs: ['y', 'score'], steps: [{ model: 'a' }] } },
      {},
      'LNMT8354: pipeline "p": node "main": no step gives the output "score"',
    ],
    [
      'a map of an input that the model has not',
      sequence({ model: 'a', inputs: { q: 'x' } }),
      {},
      'LNMT8354: pipeline "p": step "main/a": there is no input "q"; there is "x"',
    ],
    [
      'a map of an output that the model has not',
      sequence({ model: 'a', outputs: { q: 'y' } }),
      {},
      'LNMT8354: pipeline "p": step "main/a": there is no output "q"; there is "y"',
    ],
    [
      'branches that give different tensors',
      { main: { kind: 'fallback', branches: [{ model: 'pair' }, { model: 'a' }] } },
      { outputs: ['y', 'z'] },
      'LNMT8354: pipeline "p": step "main/a" does not give the tensor "z", which "main/pair" gives; branches of "main" give the same',
    ],
    [
      'branches that give different datatypes',
      { main: { kind: 'fallback', branches: [{ model: 'a' }, { model: 'whole', inputs: { x: 'w' } }] } },
      { inputs: ['x', 'w'] },
      'LNMT8355: pipeline "p": tensor "y": main/a gives FP32 [-1], main/whole gives INT64 [-1]',
    ],
    [
      'a mean of integers',
      { main: { kind: 'ensemble', combine: 'mean', branches: [{ model: 'whole' }] } },
      {},
      'LNMT8355: pipeline "p": tensor "y": main/whole gives INT64 [-1], mean of "main" takes FP16|FP32|FP64',
    ],
    [
      'a condition on a tensor of another kind',
      { main: { kind: 'switch', branches: [{ when: { tensor: 'x', equals: 'cat' }, model: 'a' }] } },
      {},
      'LNMT8355: pipeline "p": tensor "x": main/a takes FP32 [-1], main takes BYTES',
    ],
    [
      'a hard step after a soft one',
      sequence({ model: 'a', outputs: { y: 'h' }, dependency: 'soft' }, { model: 'b', inputs: { x: 'h' } }),
      {},
      'LNMT8358: pipeline "p": step "main/b" needs the tensor "h", which the soft step "main/a" may not give',
    ],
  ])('refuses %s', (_title, nodes, more, problem) => {
    expect(problems(check(nodes, more))).toContain(problem);
  });

  it('lets an ensemble with soft branches give what a hard step takes, as long as it combines them', () => {
    const branches = [
      { model: 'a', dependency: 'soft' },
      { model: 'b', dependency: 'soft' },
    ];
    const nodes = (combine: string): object => ({
      main: {
        kind: 'sequence',
        steps: [
          { node: 'all', outputs: { y: 'h' } },
          { model: 'a', inputs: { x: 'h' } },
        ],
      },
      all: { kind: 'ensemble', combine, branches: combine === 'merge' ? branches.slice(0, 1) : branches },
    });
    expect(check(nodes('mean')).state).toBe('fits');
    expect(problems(check(nodes('merge')))[0]).toContain('LNMT8358');
  });

  describe('as they are now', () => {
    const PIPELINE = {
      ...{ name: 'p', inputs: ['x'], outputs: ['y'], root: 'main' },
      nodes: {
        main: {
          kind: 'sequence',
          steps: [
            { model: 'a', outputs: { y: 'h' } },
            { model: 'b', inputs: { x: 'h' } },
          ],
        },
      },
    };
    const state = (): object => bench.service.index(false)[0] ?? {};
    const ready = (): boolean => bench.service.isReady('p', undefined);
    const serve = (more: object = {}): PipelineBench => bench.serve(pipelinesOf({ ...PIPELINE, ...more }));

    it('and is ready when all of them are', async () => {
      serve();
      expect([ready(), state()]).toEqual([true, { name: 'p', version: '1', state: 'READY', reason: '' }]);
      const b = bench.models.get('b');
      if (b) b.ready = false;
      expect([ready(), bench.service.index(true)]).toEqual([false, []]);
      expect(state()).toMatchObject({ state: 'UNAVAILABLE', reason: 'one of its models is not ready' });
    });

    it('and waits for one that nobody knows yet', async () => {
      bench.adder('b', 2, { pending: true });
      serve();
      expect(() => bench.pipelines.start()).not.toThrow();
      expect([ready(), bench.pipelines.proved]).toEqual([false, false]);
      expect(state()).toMatchObject({ state: 'LOADING', reason: 'the model "b" is not loaded yet' });
      await expect(bench.infer('p', [floats('x', 1)])).rejects.toMatchObject({
        code: 'LNMT8425',
        status: 503,
        retryAfter: 1,
      });
      expect(() => bench.service.describe('p', undefined)).toThrow('the pipeline is not ready');
      bench.adder('b', 2);
      expect([ready(), bench.pipelines.proved]).toEqual([true, true]);
    });

    it('and becomes unready, with a reason, when one changes what it takes, and ready when that is undone', async () => {
      serve();
      bench.pipelines.start();
      expect(bench.pipelines.proved).toBe(true);
      bench.model('b', [spec('x', 'INT64', -1)], [spec('y', 'FP32', -1)]);
      expect([ready(), bench.pipelines.proved]).toEqual([false, true]);
      const problem = 'LNMT8355: pipeline "p": tensor "h": main/a gives FP32 [-1], main/b takes INT64 [-1]';
      expect(state()).toMatchObject({ state: 'UNAVAILABLE', reason: problem });
      await expect(bench.infer('p', [floats('x', 1)])).rejects.toMatchObject({
        ...{ code: 'LNMT8425', message: 'the pipeline is not ready: it does not fit its models (LNMT8355)' },
      });
      expect(bench.models.get('a')?.calls).toEqual([]);
      bench.adder('b', 2);
      expect([ready(), await bench.numbers('p', [floats('x', 1)])]).toEqual([true, { y: [4] }]);
    });

    it('and is checked again only when one of them has changed', () => {
      serve();
      const [pipeline] = pipelinesOf(PIPELINE);
      const results: CheckResult[] = [];
      const watched = pipeline && new Pipeline(pipeline, bench.service, (_of, result) => void results.push(result));
      for (let turn = 0; turn < 5; turn++) watched?.check();
      bench.adder('a', 5);
      watched?.check();
      expect(results).toHaveLength(2);
    });

    it('refuses to start without what it needs, unless it is not required', () => {
      bench.models.delete('b');
      serve();
      expect(() => bench.pipelines.start()).toThrow(PipelineError);
      expect(() => bench.pipelines.start()).toThrow(
        'LNMT8352: pipeline "p": step "main/b": the model "b" is not served here',
      );
      serve({ required: false });
      expect(() => bench.pipelines.start()).not.toThrow();
      expect([bench.pipelines.proved, ready()]).toEqual([true, false]);
    });

    it('refuses to start under the name of a model', () => {
      bench.adder('p', 0);
      serve({ required: false });
      expect(() => bench.pipelines.start()).toThrow('LNMT8351: pipeline "p": there is a model of this name, too');
    });

    it('leaves the service on request, and comes back when it fits', async () => {
      serve();
      await bench.service.unload('p');
      expect([ready(), state()]).toMatchObject([false, { state: 'UNAVAILABLE', reason: 'unloaded' }]);
      await expect(bench.infer('p', [floats('x', 1)])).rejects.toMatchObject({ code: 'LNMT8425' });
      await bench.service.load('p');
      expect(ready()).toBe(true);
      await bench.service.unload('b');
      await expect(bench.service.load('p')).rejects.toMatchObject({ code: 'LNMT8214', status: 400 });
    });

    it('refuses a version that it does not have', async () => {
      serve();
      expect(() => bench.service.identify('p', '2')).toThrow('the model or version is not served here');
      expect(bench.service.identify('p', '1')).toEqual({ name: 'p', version: '1' });
      await expect(bench.infer('p', [floats('x', 1)], { version: '2' })).rejects.toMatchObject({ code: 'LNMT8202' });
    });

    it('is ready without soft steps, all but one branch of a fallback, and branches of no weight', () => {
      const down = (...names: string[]): void => names.forEach((name) => bench.adder(name, 0, { ready: false }));
      const readyWith = (nodes: object, more: object = {}): boolean => {
        serve({ nodes, ...more });
        return ready();
      };
      const of = (kind: string, more: object = {}, branch: object = {}): object => ({
        main: { kind, ...more, branches: [{ model: 'a', ...branch }, { model: 'b' }] },
      });
      down('a');
      expect(readyWith(of('fallback'))).toBe(true);
      expect(readyWith(of('splitter'))).toBe(false);
      expect(readyWith(of('splitter', {}, { weight: 0 }))).toBe(true);
      expect(readyWith(of('ensemble', { combine: 'mean' }))).toBe(false);
      expect(readyWith(of('ensemble', { combine: 'mean' }, { dependency: 'soft' }))).toBe(true);
      const when = { header: 'h', exists: true };
      expect(readyWith({ main: { kind: 'switch', branches: [{ when, model: 'b' }], default: { model: 'a' } } })).toBe(
        false,
      );
      const soft = {
        kind: 'sequence',
        steps: [{ model: 'a', outputs: { y: 'z' }, dependency: 'soft' }, { model: 'b' }],
      };
      expect(readyWith({ main: soft }, { outputs: ['y', 'z'] })).toBe(true);
      down('b');
      expect(readyWith(of('fallback'))).toBe(false);
    });

    it('asks for permission for each model before it runs any, unless the pipeline says otherwise', async () => {
      const asked: string[] = [];
      const permit = (_caller: unknown, model: string): void => {
        asked.push(model);
        if (model === 'b') throw failure('LNMT8016', 403);
      };
      bench.serve(pipelinesOf(PIPELINE), { permit });
      await expect(bench.infer('p', [floats('x', 1)])).rejects.toMatchObject({ code: 'LNMT8016', status: 403 });
      expect([asked, bench.models.get('a')?.calls]).toEqual([['a', 'b'], []]);
      bench.serve(pipelinesOf({ ...PIPELINE, access: 'pipeline' }), { permit });
      expect(await bench.numbers('p', [floats('x', 1)])).toEqual({ y: [4] });
    });
  });
});
