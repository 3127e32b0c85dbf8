import { DataAwsCallerIdentity } from '@cdktf/provider-aws/lib/data-aws-caller-identity';
import { TerraformStack } from 'cdktf';
import type { IConstruct } from 'constructs';
import { expectCloud } from '../cloud/building-block';
import type { IBuildingBlock } from '../cloud/building-block';
import { foreignConstruct } from './errors';

/** Name of this target, the value of `cloud` on all of its blocks. */
export const AWS = 'aws';

/** What every building block of AWS knows besides its own props. `AwsCloud` passes it. */
export interface AwsContext {
  /** Region that the block lives in, e.g. `eu-west-1`. */
  readonly region: string;
  /** Tags of what no provider default reaches: machines that node groups and Karpenter launch. @default - none */
  readonly tags?: Readonly<Record<string, string>>;
}

/** Partition of a region: the second part of every ARN. @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html */
export function partitionOf(region: string): 'aws' | 'aws-cn' | 'aws-us-gov' {
  if (region.startsWith('cn-')) return 'aws-cn';
  if (region.startsWith('us-gov-')) return 'aws-us-gov';
  return 'aws';
}

/** Domain of the service endpoints of a region. */
export function dnsSuffixOf(region: string): string {
  return partitionOf(region) === 'aws-cn' ? 'amazonaws.com.cn' : 'amazonaws.com';
}

/** ARN of a managed policy of AWS itself, e.g. `AmazonEKSClusterPolicy` or `service-role/AmazonEBSCSIDriverPolicy`. */
export function managedPolicyArn(region: string, name: string): string {
  return `arn:${partitionOf(region)}:iam::aws:policy/${name}`;
}

const ACCOUNT_ID = 'LnmtAwsAccount';

/** Account that the stack of `scope` is deployed to, as a token: one data source a stack, made when it is first asked for. */
export function accountIdOf(scope: IConstruct): string {
  const stack = TerraformStack.of(scope);
  const existing = stack.node.tryFindChild(ACCOUNT_ID) as DataAwsCallerIdentity | undefined;
  return (existing ?? new DataAwsCallerIdentity(stack, ACCOUNT_ID)).accountId;
}

/** Marks a construct as one of this folder, recognised across copies of the package. */
export function brand(block: object, symbol: symbol): void {
  Object.defineProperty(block, symbol, { value: true });
}

/**
 * Narrows a neutral block to the AWS construct that carries the brand.
 *
 * @throws LNMT1008 for a block of another cloud, LNMT2003 for one that says AWS but was not made by this folder
 */
export function expectBrand<T extends IBuildingBlock>(
  scope: IConstruct,
  property: string,
  block: IBuildingBlock,
  symbol: symbol,
  expected: string,
): T {
  expectCloud(scope, property, block, AWS);
  if (!(symbol in block)) throw foreignConstruct(scope, property, block.node.path, expected);
  return block as T;
}
