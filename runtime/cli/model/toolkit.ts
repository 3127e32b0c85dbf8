import { createRequire } from 'node:module';
import path from 'node:path';
import type * as Onnx from '../../inference/backends/onnx';
import type * as Compare from '../../inference/registry/compare';
import type * as Golden from '../../inference/registry/golden';
import type * as Elements from '../../inference/tensors/elements';
import type * as Json from '../../inference/tensors/json';
import type * as Request from '../../inference/tensors/request';
import { packageMissing } from '../errors';

/** What the inference server has and this command needs: onnxruntime, and the readers of tensors. */
export interface Toolkit {
  readonly OnnxBackend: typeof Onnx.OnnxBackend;
  readonly floatsOf: typeof Compare.floatsOf;
  readonly readGolden: typeof Golden.readGolden;
  readonly packElements: typeof Elements.packElements;
  readonly parseJson: typeof Json.parseJson;
  readonly readRequest: typeof Request.readRequest;
}

const PACKAGE = '@lnmt/inference';

/** Imports the parts of the server beside this command, whose packages come with that of the server. */
export async function importOwn(): Promise<Toolkit> {
  const [onnx, compare, golden, elements, json, request] = await Promise.all([
    import('../../inference/backends/onnx.js'),
    import('../../inference/registry/compare.js'),
    import('../../inference/registry/golden.js'),
    import('../../inference/tensors/elements.js'),
    import('../../inference/tensors/json.js'),
    import('../../inference/tensors/request.js'),
  ]);
  return { ...onnx, ...compare, ...golden, ...elements, ...json, ...request };
}

/** Loads the same from the server as the project has it, where packages are not laid side by side. */
function fromProject(folder: string): Toolkit {
  const require = createRequire(path.join(folder, 'package.json'));
  const load = <T>(name: string): T => require(`${PACKAGE}/dist/inference/${name}.js`) as T;
  return {
    ...load<typeof Onnx>('backends/onnx'),
    ...load<typeof Compare>('registry/compare'),
    ...load<typeof Golden>('registry/golden'),
    ...load<typeof Elements>('tensors/elements'),
    ...load<typeof Json>('tensors/json'),
    ...load<typeof Request>('tensors/request'),
  };
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /MODULE_NOT_FOUND$/.test(String(error.code));
}

/**
 * Loads onnxruntime, which comes with the package of the server.
 *
 * @param folder of the project
 * @throws LNMT6015 when it is not installed
 */
export async function loadToolkit(folder: string, neededBy: string, own = importOwn): Promise<Toolkit> {
  try {
    return await own();
  } catch (error) {
    if (!isAbsent(error)) throw error;
  }
  try {
    return fromProject(folder);
  } catch (error) {
    if (!isAbsent(error)) throw error;
    throw packageMissing(PACKAGE, neededBy);
  }
}
