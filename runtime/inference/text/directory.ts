import type { InferenceCall } from '../serving/layer';
import type { TextModel } from './model';

/** Who asks for a model, and how. */
export type TextCall = Pick<InferenceCall, 'signal' | 'caller' | 'attribute' | 'answering'>;

/** The models of a server that take text. */
export interface TextDirectory {
  /** Names under which they are asked for. */
  list(): readonly string[];
  /** Whether one would be used by this id. @param id as that of {@link use} */
  has(id: string): boolean;
  /**
   * Holds a model for one piece of work.
   *
   * @param id its name, or name and version with a colon between them
   * @throws RequestError for one that is not served, or takes no text
   */
  use<T>(id: string, call: TextCall, work: (text: TextModel) => Promise<T>): Promise<T>;
}

/** Name and version of an id. */
export function splitId(id: string): { readonly name: string; readonly version: string | undefined } {
  const [name = '', version] = id.split(':', 2);
  return { name, version };
}
