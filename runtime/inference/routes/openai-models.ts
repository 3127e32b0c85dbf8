import { unknownModel } from '../errors';
import type { TextDirectory } from '../text/directory';

/** A model as clients of OpenAI read it. */
export interface OpenAiModel {
  readonly id: string;
  readonly object: 'model';
  /** Seconds since the epoch at which the server began. */
  readonly created: number;
  readonly owned_by: string;
}

const OWNER = 'lnmt';

const modelObject = (id: string, created: number): OpenAiModel => ({ id, object: 'model', created, owned_by: OWNER });

/** All models that take text. */
export function listModels(models: TextDirectory, created: number): readonly OpenAiModel[] {
  return models.list().map((id) => modelObject(id, created));
}

/** One of them, or one version. @throws RequestError */
export function findModel(models: TextDirectory, id: string, created: number): OpenAiModel {
  if (!models.has(id)) throw unknownModel();
  return modelObject(id, created);
}
