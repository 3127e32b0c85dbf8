import fs from 'node:fs';
import path from 'node:path';
import type { Evaluate } from '../../inference/rewriter/fold';
import { TYPE } from '../../inference/rewriter/elements';
import { weight } from '../../inference/rewriter/tensor';
import { writeModel } from '../../inference/rewriter/write';
import type { Datatype } from '../../inference/tensors/tensor';
import type { Toolkit } from './toolkit';
import { LoadedModel } from './trial';

/** Element types of results that are kept as constants. */
const KEPT: Readonly<Partial<Record<Datatype, number>>> = {
  FP32: TYPE.float,
  UINT8: TYPE.uint8,
  INT8: TYPE.int8,
  INT32: TYPE.int32,
  INT64: TYPE.int64,
  BOOL: TYPE.bool,
  FP16: TYPE.float16,
  FP64: TYPE.double,
};

const PART = 'constants.onnx';

/** Computes the constant part of a model with onnxruntime. @param scratch gives a folder for that part */
export function evaluator(toolkit: Toolkit, scratch: () => string): Evaluate {
  return async (model) => {
    const folder = scratch();
    try {
      writeModel(model, folder, PART);
      const loaded = await LoadedModel.load(toolkit, path.join(folder, PART), 0, 'the constant part');
      try {
        return (await loaded.run({ inputs: [] })).flatMap(({ name, datatype, shape, data }) => {
          const type = KEPT[datatype];
          return type === undefined ? [] : [weight(name, type, shape, Uint8Array.from(data))];
        });
      } finally {
        await loaded.close();
      }
    } finally {
      fs.rmSync(folder, { recursive: true, force: true });
    }
  };
}
