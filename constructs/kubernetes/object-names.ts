import type { IConstruct } from 'constructs';
import { KUBERNETES_NAMES, legalName } from '../names';
import { illegalName } from './errors';
import { isLateBound } from './opaque';

/**
 * Checks the name of an object. A late-bound one passes: delivery refuses it and names the field.
 *
 * @throws LNMT3000 when it is no DNS label or too long
 */
export function objectName(
  scope: IConstruct | undefined,
  property: string,
  value: string,
  maxLength: number = KUBERNETES_NAMES.workload.maxLength,
): string {
  if (isLateBound(value)) return value;
  if (value.length > maxLength || !/^[a-z]([-a-z0-9]*[a-z0-9])?$/.test(value)) {
    throw illegalName(scope, property, value, maxLength);
  }
  return value;
}

/** The value of a label: the text itself where it is legal, else a legal and unique form of it. */
export function labelValue(text: string): string {
  if (isLateBound(text) || /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/.test(text)) return text;
  return legalName({ maxLength: 63, upperCase: true, letterFirst: false }, [text]);
}
