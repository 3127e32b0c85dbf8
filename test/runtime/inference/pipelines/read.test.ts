import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { choosePipelines } from '../../../../runtime/inference/pipelines/config';
import { PIPELINE_LIMITS } from '../../../../runtime/inference/pipelines/limits';
import { parsePipelines, readPipelinesFile } from '../../../../runtime/inference/pipelines/read-file';
import { temporaryFolder } from '../../support/temporary';

const sequence = (...steps: object[]): object => ({ kind: 'sequence', steps });
const pipeline = (more: object = {}, main: object = sequence({ model: 'a' })): object => ({
  ...{ name: 'p', inputs: ['x'], outputs: ['y'], root: 'main', nodes: { main } },
  ...more,
});
const problems = (...pipelines: unknown[]): readonly string[] => parsePipelines(JSON.stringify({ pipelines })).problems;
const of = (kind: string, more: object = {}): object => pipeline({}, { kind, ...more });
const when = { header: 'h', exists: true };

describe('a file of pipelines', () => {
  it('has defaults', () => {
    expect(parsePipelines(JSON.stringify({ pipelines: [pipeline()] }))).toEqual({
      problems: [],
      pipelines: [
        {
          ...{ name: 'p', version: '1', timeoutMs: 30_000, required: true, access: 'models', root: 'main' },
          inputs: [{ name: 'x', datatype: undefined, shape: undefined }],
          outputs: [{ name: 'y', datatype: undefined, shape: undefined }],
          nodes: {
            main: {
              ...{ kind: 'sequence', outputs: undefined },
              steps: [
                {
                  ...{ name: 'a', target: { kind: 'model', model: 'a', version: undefined }, retries: 0, soft: false },
                  ...{ inputs: undefined, outputs: undefined, timeoutMs: undefined },
                },
              ],
            },
          },
        },
      ],
    });
  });

  it('tells everything that is wrong with it at once', () => {
    const wrong = {
      ...{ name: 'Big', version: '', timeoutMs: 0, required: 'yes', access: 'all', inputs: [], outputs: ['y', 'y'] },
      ...{ root: 7, colour: 'red', nodes: { main: sequence({ model: 'a', node: 'b', retries: -1, when }) } },
    };
    expect(problems(wrong, pipeline({ name: 'q' }), pipeline({ name: 'q' }))).toEqual([
      'LNMT8351: pipelines[0] has the unknown member "colour"',
      'LNMT8351: pipelines[0].name does not match ^[a-z0-9][a-z0-9._-]{0,127}$',
      'LNMT8351: pipelines[0].version does not match ^[a-z0-9][a-z0-9._-]{0,127}$',
      'LNMT8351: pipelines[0].timeoutMs is not an integer from 1 to 3600000',
      'LNMT8351: pipelines[0].required is not true or false',
      'LNMT8351: pipelines[0].access is not models, pipeline',
      'LNMT8351: pipelines[0].inputs is not a list of 1 to 128',
      'LNMT8351: pipelines[0].outputs names "y" twice',
      'LNMT8351: pipelines[0].nodes.main.steps[0] has the unknown member "when"',
      'LNMT8351: pipelines[0].nodes.main.steps[0] names not exactly one of model, node',
      'LNMT8351: pipelines[0].nodes.main.steps[0].retries goes with a model only',
      'LNMT8351: pipelines[0].nodes.main.steps[0].retries is not an integer from 0 to 5',
      'LNMT8351: two pipelines have the name "q"',
    ]);
  });

  it.each<[string, unknown, string]>([
    ['a pipeline that is no object', 'p', 'pipelines[0] is not an object'],
    ['an unknown kind', of('loop'), 'nodes.main.kind is not sequence, switch, ensemble, splitter, fallback, map'],
    ['a node that is no object', pipeline({ nodes: { main: 1 } }), 'pipelines[0].nodes.main is not an object'],
    ['no nodes', pipeline({ nodes: {} }), 'pipelines[0].nodes has 0 nodes; it has 1 to 64'],
    [
      'a name of a node with a blank',
      pipeline({ nodes: { 'a b': sequence({ model: 'a' }) } }),
      'a name in pipelines[0].nodes',
    ],
    ['no steps', of('sequence', { steps: [] }), 'nodes.main.steps is not a list of 1 to 64'],
    ['two steps of one name', pipeline({}, sequence({ model: 'a' }, { model: 'a' })), 'two steps with the name "a"'],
    [
      'a version of a node',
      pipeline({}, sequence({ node: 'n', version: '1' })),
      'steps[0].version goes with a model only',
    ],
    ['a branch without a condition', of('switch', { branches: [{ model: 'a' }] }), 'branches[0].when is not an object'],
    ['weights that are all 0', of('splitter', { branches: [{ model: 'a', weight: 0 }] }), 'every weight is 0'],
    [
      'a weight that is no integer',
      of('ensemble', { branches: [{ model: 'a', weight: 0.5 }] }),
      'branches[0].weight is not an integer from 1',
    ],
    [
      'a soft branch of a fallback',
      of('fallback', { branches: [{ model: 'a', dependency: 'soft' }] }),
      'unknown member "dependency"',
    ],
    [
      'an unknown way to combine',
      of('ensemble', { combine: 'max', branches: [{ model: 'a' }] }),
      'combine is not merge, mean, vote',
    ],
    [
      'a key of two kinds',
      of('splitter', { branches: [{ model: 'a' }], key: { id: true, caller: true } }),
      'key names not exactly one of',
    ],
    ['a key that is not true', of('splitter', { branches: [{ model: 'a' }], key: { id: 'x' } }), 'key.id is not true'],
    ['a map of a number', of('map', { tensors: { y: 1 } }), 'tensors.y is not a text of 1 to 256 characters'],
    [
      'a datatype that there is not',
      pipeline({ inputs: [{ name: 'x', datatype: 'FP8' }] }),
      'inputs[0].datatype is none',
    ],
    [
      'a shape with a size of -2',
      pipeline({ inputs: [{ name: 'x', shape: [-2] }] }),
      'inputs[0].shape[0] is not an integer from -1',
    ],
    [
      'a node that is not there',
      pipeline({}, sequence({ node: 'n' })),
      'LNMT8352: pipeline "p": node "main" names the node "n", which is not there',
    ],
    [
      'a root that is not there',
      pipeline({ root: 'top' }),
      'LNMT8352: pipeline "p": root names the node "top", which is not there',
    ],
    ['a root that objects have from elsewhere', pipeline({ root: 'constructor' }), 'LNMT8352'],
    [
      'a node that leads to itself',
      pipeline({}, sequence({ node: 'main' })),
      'LNMT8353: pipeline "p": node "main" leads to itself: "main" → "main"',
    ],
    [
      'a node that nothing leads to',
      pipeline({ nodes: { main: sequence({ model: 'a' }), b: sequence({ model: 'a' }) } }),
      'nothing leads to the node "b"',
    ],
    [
      'a pipeline as a model',
      pipeline({}, sequence({ model: 'p' })),
      'LNMT8352: pipeline "p": "p" is a pipeline, not a model',
    ],
  ])('refuses %s', (_title, given, problem) => {
    expect(problems(given).join('\n')).toContain(problem);
  });

  it.each<[string, object, string]>([
    ['that compares with nothing', { header: 'h' }, 'compares with nothing'],
    ['on two things', { header: 'h', tensor: 'x', equals: 1 }, 'names not exactly one of header, parameter, tensor'],
    ['with a place in a header', { header: 'h', at: 1, equals: 1 }, 'when.at does not go with header'],
    ['on the existence of a tensor', { tensor: 'x', exists: true }, 'when.exists does not go with tensor'],
    ['on a place and an axis', { tensor: 'x', at: 1, axis: 1, equals: 1 }, 'has both at and axis'],
    ['with a bound that is no number', { header: 'h', above: '3' }, 'when.above is not a number'],
    [
      'with an object to compare with',
      { header: 'h', equals: {} },
      'when.equals is not a text, a number, true or false',
    ],
    ['with a name that is no header', { header: 'h:x', exists: true }, 'when.header does not match'],
    ['with an unknown member', { header: 'h', matches: '.*' }, 'unknown member "matches"'],
    ['with members beside all', { all: [when], header: 'h' }, 'unknown member "header"'],
    ['that is nested too deep', { not: { not: { not: { not: when } } } }, 'is nested more than 4 deep'],
    ['of too many tests', { all: [{ any: Array(20).fill(when) }, { any: Array(20).fill(when) }] }, 'at most 32 tests'],
  ])('refuses a condition %s', (_title, condition, problem) => {
    expect(problems(of('switch', { branches: [{ when: condition, model: 'a' }] })).join('\n')).toContain(problem);
  });

  it('refuses more nodes than 64, however few describe them', () => {
    const nodes: Record<string, object> = { main: { kind: 'fallback', branches: [{ node: 'n0' }] } };
    for (let index = 0; index < 10; index++) {
      const target = index === 9 ? { model: 'a' } : { node: `n${index + 1}` };
      nodes[`n${index}`] = {
        kind: 'fallback',
        branches: [
          { ...target, name: 'l' },
          { ...target, name: 'r' },
        ],
      };
    }
    expect(problems(pipeline({ nodes }))).toEqual(['LNMT8359: pipeline "p" has more than 64 nodes and steps']);
  });

  it('refuses nodes more than 16 deep, and more than 16 branches', () => {
    const chain = (length: number): object => {
      const nodes: Record<string, object> = {};
      for (let index = 1; index < length; index++) nodes[`n${index}`] = sequence({ node: `n${index + 1}` });
      nodes[`n${length}`] = sequence({ model: 'a' });
      return pipeline({ root: 'n1', nodes });
    };
    expect(problems(chain(16))).toEqual([]);
    expect(problems(chain(17))).toEqual(['LNMT8359: pipeline "p": node "n17" lies more than 16 nodes deep']);
    const branches = Array.from({ length: 17 }, (_, index) => ({ model: `m${index}` }));
    expect(problems(of('fallback', { branches: branches.slice(1) }))).toEqual([]);
    expect(problems(of('fallback', { branches }))[0]).toContain('branches is not a list of 1 to 16');
  });

  it('refuses what is no JSON, cannot be read or is too long, and never says where it lies', () => {
    const dir = temporaryFolder();
    const file = path.join(dir, 'pipelines.json');
    expect(parsePipelines('{').problems).toEqual(['LNMT8351: the file is not JSON']);
    expect(parsePipelines('[]').problems[0]).toBe('LNMT8351: the file is not an object');
    expect(readPipelinesFile(file).problems).toEqual(['LNMT8351: the file cannot be read']);
    fs.writeFileSync(file, ' '.repeat(PIPELINE_LIMITS.fileBytes + 1));
    expect(readPipelinesFile(file).problems).toEqual(['LNMT8351: the file is over 1048576 bytes']);
    fs.writeFileSync(file, JSON.stringify({ pipelines: [pipeline()] }));
    expect(choosePipelines({ pipelinesFile: file }, [{ name: 'p' }]).problems).toEqual([
      'LNMT_PIPELINES_FILE: LNMT8351: "p" is the name of a model, too',
    ]);
    expect(choosePipelines({ pipelinesFile: file }, [{ name: 'a' }]).problems).toEqual([]);
    fs.rmSync(dir, { recursive: true });
  });

  it('reports a bounded number of problems', () => {
    const many = Array.from({ length: 250 }, () => ({}));
    expect(problems(...many)).toHaveLength(PIPELINE_LIMITS.problems);
  });
});
