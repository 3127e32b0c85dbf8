import { createHash } from 'node:crypto';
import type { IConstruct } from 'constructs';
import type { IWorkloadIdentity } from '../cloud/workload-identity';
import { legalName } from '../names';
import type { PolicyStatement } from './iam';
import { AWS_NAMES } from './names';
import { AwsWorkloadIdentity } from './workload-identity';

/**
 * Grants something of a block to an identity. The policy belongs to the identity, because references between stacks go
 * forward only and identities may live in a later one. Granting the same twice changes nothing.
 *
 * @param block what is granted
 * @param parts what the grant is, e.g. `['Read', 'models']`; the first one begins its name
 */
export function grantTo(
  block: IConstruct,
  identity: IWorkloadIdentity,
  parts: readonly [string, ...string[]],
  statements: readonly PolicyStatement[],
): void {
  const role = AwsWorkloadIdentity.expect(block, identity);
  const hash = createHash('sha256')
    .update(JSON.stringify([block.node.path, ...parts]))
    .digest('hex');
  const id = legalName({ ...AWS_NAMES.policy, upperCase: true }, [parts[0], block.node.id, hash.slice(0, 8)]);
  if (role.node.tryFindChild(id) === undefined) role.allow(id, statements);
}
