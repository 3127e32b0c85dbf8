import { ModelError } from '../errors';
import type { TextMessage, TextValue } from './text-proto';

/** What is wrong with a configuration in Triton's form. */
export const invalidConfig = (what: string): ModelError => new ModelError('LNMT8310', `config.pbtxt: ${what}`);

/** The value of a field that stands once; the last one counts. */
export const lastOf = (message: TextMessage, field: string): TextValue | undefined => message.get(field)?.at(-1);

/** A text; empty when it is absent. @throws ModelError */
export function textOf(message: TextMessage, field: string): string {
  const value = lastOf(message, field) ?? '';
  if (typeof value !== 'string') throw invalidConfig(`${field} is not a text`);
  return value;
}

/** The messages of a field that may repeat. @throws ModelError */
export function messagesOf(message: TextMessage, field: string): readonly TextMessage[] {
  return (message.get(field) ?? []).map((value) => {
    if (!(value instanceof Map)) throw invalidConfig(`${field} is not a message`);
    return value as TextMessage;
  });
}
