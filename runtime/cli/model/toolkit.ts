import { createRequire } from 'node:module';
import path from 'node:path';
import type { Backend } from '../../inference/backends/backend';
import type { Datatype, Tensor } from '../../inference/tensors/tensor';
import { packageMissing } from '../errors';

/** What has tensors that a model takes. */
interface Inputs {
  readonly inputs: readonly Tensor[];
}

/**
 * What the inference server has and this command needs: onnxruntime, and the readers of tensors. Written down here, because
 * whatever is imported, if only as a type, becomes part of the package of the command.
 */
export interface Toolkit {
  readonly OnnxBackend: new (options: { readonly executionProvider: 'cpu'; readonly threads: number }) => Backend;
  /** The numbers of a tensor of floats; undefined for other datatypes. */
  floatsOf(tensor: Pick<Tensor, 'datatype' | 'data'>): ArrayLike<number> | undefined;
  /** @throws ModelError */
  readGolden(file: string): Promise<readonly { readonly request: Inputs }[]>;
  packElements(datatype: Datatype, values: readonly unknown[]): Uint8Array;
  /** @throws RequestError */
  parseJson(body: Uint8Array): unknown;
  /** @throws RequestError */
  readRequest(document: unknown): Inputs;
}

const PACKAGE = '@lnmt/inference';

/** Where the parts are, below the folder of the server. */
const PARTS = [
  'backends/onnx',
  'registry/golden',
  'tensors/elements',
  'tensors/json',
  'tensors/request',
  'tensors/values',
] as const;

const joined = (parts: readonly unknown[]): Toolkit => Object.assign({}, ...parts) as Toolkit;

/** Imports the parts of the server beside this command, whose packages come with that of the server. */
async function importOwn(): Promise<Toolkit> {
  // By names that no compiler follows: the package of the command holds none of them.
  const server = '../../inference';
  return joined(await Promise.all(PARTS.map((part) => import(/* @vite-ignore */ `${server}/${part}.js`))));
}

/** Loads the same from the server as the project has it, where packages are not laid side by side. */
function fromProject(folder: string): Toolkit {
  const require = createRequire(path.join(folder, 'package.json'));
  return joined(PARTS.map((part): unknown => require(`${PACKAGE}/dist/inference/${part}.js`)));
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
