import { TerraformStack } from 'cdktf';
import type { IConstruct } from 'constructs';

/** A secret that a service of AWS made and rotates by itself, such as the password of a database. */
export interface ManagedSecret {
  readonly secretArn: string;
  /** @default - the service's own key */
  readonly keyArn?: string;
}

const MANAGED = Symbol.for('lnmt/aws/managed-secrets');

type Holder = TerraformStack & { [MANAGED]?: ManagedSecret[] };

/**
 * Lets the secret store of the same stack read a secret whose name the service chose, so that it lies outside of the
 * platform's prefix. Stores of earlier stacks do not see it: references between stacks go forward only.
 */
export function shareManagedSecret(scope: IConstruct, secret: ManagedSecret): void {
  const stack: Holder = TerraformStack.of(scope);
  (stack[MANAGED] ??= []).push(secret);
}

/** Managed secrets of the stack, once all of its constructs exist. */
export function managedSecretsOf(scope: IConstruct): readonly ManagedSecret[] {
  const stack: Holder = TerraformStack.of(scope);
  return stack[MANAGED] ?? [];
}
