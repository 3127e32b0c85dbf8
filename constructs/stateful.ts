import type { TerraformResource } from 'cdktf';
import { TerraformStack } from 'cdktf';
import type { IConstruct } from 'constructs';
import { legalName } from './names';

/** What happens to stateful resources when they leave the program. `destroy` is the one way to tear a platform down. */
export type RemovalPolicy = 'retain' | 'destroy';

/**
 * Marks a resource as stateful: its logical id is pinned to the given parts, so that moving its construct never changes
 * its Terraform address, and Terraform refuses to destroy it unless `onRemoval` is `destroy`. The cloud's own deletion
 * protection is set by the caller, because `prevent_destroy` vanishes together with the block that holds it.
 *
 * @param parts what the resource is, from the general to the particular, e.g. platform and role; unique in the stack
 */
export function stateful<T extends TerraformResource>(
  resource: T,
  parts: readonly string[],
  onRemoval: RemovalPolicy,
): T {
  resource.overrideLogicalId(legalName({ maxLength: 120, separator: '_' }, parts, resource));
  if (onRemoval === 'retain') resource.lifecycle = { ...resource.lifecycle, preventDestroy: true };
  return resource;
}

const MOVED = Symbol.for('lnmt/moved');

/**
 * Tells Terraform that a resource has a new address, so that a refactor replaces nothing. Written as `moved` blocks,
 * which work in every Terraform since 1.1 and never call a binary at synthesis.
 *
 * @param scope anything in the stack whose state holds the resource
 * @param from old address, e.g. `aws_s3_bucket.models`
 * @param to new address
 * @see https://developer.hashicorp.com/terraform/language/moved
 */
export function moved(scope: IConstruct, from: string, to: string): void {
  const stack = TerraformStack.of(scope) as TerraformStack & { [MOVED]?: { from: string; to: string }[] };
  const blocks = (stack[MOVED] ??= []);
  blocks.push({ from, to });
  stack.addOverride('moved', blocks);
}
