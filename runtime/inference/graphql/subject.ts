import { unknownModel } from '../errors';
import type { CallSubject } from '../grpc/gate';
import type { Arguments } from './context';

const MAX_NAME = 128;

/** An argument that is a text. */
export function text(given: Arguments, key: string): string | undefined {
  const value = given[key];
  return typeof value === 'string' ? value : undefined;
}

/** The model that arguments name; what can be no name is not carried on. @throws RequestError */
export function subjectOf(given: Arguments, key = 'name'): CallSubject {
  const [model, version] = [text(given, key), text(given, 'version')];
  if ((model?.length ?? 0) > MAX_NAME || (version?.length ?? 0) > MAX_NAME) throw unknownModel();
  return { model, version };
}
