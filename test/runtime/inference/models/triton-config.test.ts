import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ModelError } from '../../../../runtime/inference/errors';
import { parseTritonConfig } from '../../../../runtime/inference/models/triton-config';

const FULL = `
# A model as the documentation of Triton writes it.
name: "dense"
platform: "onnxruntime_onnx"
max_batch_size: 32
input [
  { name: "x" data_type: TYPE_FP32 dims: [ -1, 2 ] },
  { name: 'y' data_type: TYPE_FP32 dims: 3 }
]
output { name: "z" data_type: TYPE_FP32 dims: [ 1 ] }
dynamic_batching {
  preferred_batch_size: [ 16, 8 ]
  max_queue_delay_microseconds: 250
}
instance_group [
  { count: 2 kind: KIND_CPU },
  { count: 1 kind: KIND_CPU }
]
version_policy: { specific { versions: [1, 3] } }
parameters { key: "k" value: { string_value: "a \\"quoted\\" "
  "text" } }
`;

describe('the configuration of a model in Triton’s repository', () => {
  it('says how it is batched, how often it is instantiated, where, and which versions are served', () => {
    expect(parseTritonConfig(FULL, 'dense')).toEqual({
      maxBatchSize: 32,
      preferredBatchSizes: [8, 16],
      maxQueueDelay: 0.00025,
      instances: 3,
      device: 'cpu',
      versions: { kind: 'specific', versions: ['1', '3'] },
    });
  });

  it.each([
    ['', {}],
    ['max_batch_size: 0', { maxBatchSize: 1 }],
    ['backend: "onnxruntime"', {}],
    ['version_policy { latest { num_versions: 2 } }', { versions: { kind: 'latest', count: 2 } }],
    ['version_policy { latest { } }', { versions: { kind: 'latest', count: 1 } }],
    ['version_policy: { all < > }', { versions: { kind: 'all' } }],
    ['instance_group { kind: KIND_GPU gpus: [ 0, 1 ] }', { instances: 1, device: 'gpu' }],
    ['instance_group { count: 4 }', { instances: 4 }],
  ])('reads %j', (text, settings) => {
    expect(parseTritonConfig(text, 'm')).toEqual(settings);
  });

  it.each([
    ['name: "other"', 'name is other, the folder is m'],
    ['platform: "tensorflow_savedmodel"', 'the platform is not onnxruntime_onnx'],
    ['backend: "python"', 'the platform is not onnxruntime_onnx'],
    ['default_model_filename: "../../x"', 'default_model_filename is not model.onnx'],
    ['sequence_batching { }', 'sequence_batching is not served'],
    ['ensemble_scheduling { step [] }', 'LNMT8351: m.nodes.ensemble.steps is not a list of 1 to 64'],
    ['max_batch_size: -1', 'max_batch_size is not an integer'],
    ['max_batch_size: "8"', 'max_batch_size is not an integer'],
    ['instance_group [{ kind: KIND_CPU }, { kind: KIND_GPU }]', 'several kinds'],
    ['instance_group { kind: KIND_MODEL }', 'the kind KIND_MODEL'],
    ['instance_group: 3', 'instance_group is not a message'],
    ['version_policy { specific { } }', 'specific names no versions'],
    ['dynamic_batching {', 'ends too early'],
    ['{', 'no field'],
    ['a: @', 'begins nothing'],
    ['a { '.repeat(100), 'nested more than 32 deep'],
  ])('refuses %j', (text, message) => {
    expect(() => parseTritonConfig(text, 'm')).toThrow('LNMT8310');
    expect(() => parseTritonConfig(text, 'm')).toThrow(message);
  });

  it('is read or refused, whatever it holds', () => {
    const piece = fc.constantFrom(
      'a',
      ':',
      '{',
      '}',
      '[',
      ']',
      '<',
      '>',
      '"x"',
      '1',
      '-',
      ',',
      ' ',
      '\n',
      'max_batch_size',
      '#',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(piece).map((pieces) => pieces.join('')),
        ),
        (text) => {
          try {
            parseTritonConfig(text, 'm');
          } catch (error) {
            expect(error).toBeInstanceOf(ModelError);
          }
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
