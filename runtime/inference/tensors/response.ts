import { elementsText } from './text';
import type { Tensor } from './tensor';

/** What an answer says beside its tensors. */
export interface ResponseHead {
  readonly modelName: string;
  readonly modelVersion: string;
  readonly id: string | undefined;
}

function tensorText(tensor: Tensor): string {
  const { name, datatype, shape } = tensor;
  return `{"name":${JSON.stringify(name)},"datatype":"${datatype}","shape":[${shape.join(',')}],"data":${elementsText(tensor)}}`;
}

/** Writes an Open Inference Protocol response. By hand, because `JSON.stringify` cannot write 64-bit integers. */
export function writeResponse(head: ResponseHead, outputs: readonly Tensor[]): string {
  const { modelName, modelVersion, id } = head;
  const fields = JSON.stringify({ model_name: modelName, model_version: modelVersion, id });
  return `${fields.slice(0, -1)},"outputs":[${outputs.map(tensorText).join(',')}]}`;
}
