import { Token } from 'cdktf';
import type { IConstruct } from 'constructs';
import { wrongArn } from './errors-data';

/**
 * Checks the ARN of an existing resource; a token is taken as it is.
 *
 * @param service the third part of the ARN, e.g. `kms`
 * @throws LNMT2100 for an ARN of another service, or for something else
 */
export function expectArn(scope: IConstruct, property: string, arn: string, service: string): string {
  if (Token.isUnresolved(arn)) return arn;
  const [prefix, partition, actual, , , resource] = arn.split(':');
  const fits = prefix === 'arn' && partition?.startsWith('aws') === true && actual === service && Boolean(resource);
  if (!fits) throw wrongArn(scope, property, arn, service);
  return arn;
}
