import { curlLine } from './sample';
import type { ServeSession } from './session';
import { askSignature, describeTensor } from './signature';
import { textModels, workingSample } from './try-samples';

/** A model as it is announced. */
export interface ServedModel {
  readonly name: string;
  readonly versions: readonly string[];
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** A line for a shell that the server has answered with 200; absent where none was found. */
  readonly curl?: string;
}

/** A request is tried on so many models; the others are only listed. */
const MAX_SAMPLES = 20;

/** Asks a server what it serves, and finds for each model a request that it answers. */
export async function describeServed({ url, models, access }: ServeSession): Promise<readonly ServedModel[]> {
  const { headers } = access;
  const texts = await textModels(url, headers);
  const served: ServedModel[] = [];
  for (const [index, { name }] of models.entries()) {
    const signature = await askSignature(url, name, headers).catch(() => undefined);
    if (signature === undefined) {
      served.push({ name, versions: [], inputs: [], outputs: [] });
      continue;
    }
    const { versions, inputs, outputs } = signature;
    const sample = index < MAX_SAMPLES ? await workingSample(url, signature, texts.has(name), headers) : undefined;
    served.push({
      ...{ name, versions, inputs: inputs.map(describeTensor), outputs: outputs.map(describeTensor) },
      ...(sample === undefined ? {} : { curl: curlLine(url, sample, access.file !== undefined) }),
    });
  }
  return served;
}
