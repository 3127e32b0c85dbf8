import { IamRole } from '@cdktf/provider-aws/lib/iam-role';
import type { Construct } from 'constructs';
import { legalName } from '../names';
import { AWS_NAMES } from './names';

/** One statement of an IAM policy. Values may hold tokens. */
export interface PolicyStatement {
  /** Name of the statement: letters and digits. @default - none */
  readonly sid?: string;
  /** @default 'Allow' */
  readonly effect?: 'Allow' | 'Deny';
  /** @default - a policy of an identity has none */
  readonly principals?: Readonly<Record<string, string | readonly string[]>> | '*';
  /** Actions such as `s3:GetObject`. */
  readonly actions: readonly string[];
  /** @default - a trust policy has none */
  readonly resources?: string | readonly string[];
  /** Operator → key → value or values. @default - unconditional */
  readonly conditions?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
}

/**
 * Writes a policy document. Policy variables (`${aws:…}`) come out escaped, so that Terraform does not read them as its own.
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
 */
export function policyDocument(statements: readonly PolicyStatement[]): string {
  const document = {
    Version: '2012-10-17',
    Statement: statements.map((statement) => ({
      Sid: statement.sid,
      Effect: statement.effect ?? 'Allow',
      Principal: statement.principals,
      Action: statement.actions,
      Resource: statement.resources,
      Condition: statement.conditions,
    })),
  };
  return JSON.stringify(document).replace(/\$\{(?=[a-z0-9]+:[A-Za-z])/g, () => '$${');
}

/** A role that an AWS service takes. */
export interface ServiceRoleProps {
  /** Parts of the role's name. */
  readonly naming: readonly string[];
  /** Part of the name too: roles are global, so that the same platform in two regions needs two. */
  readonly region: string;
  /** Service principals, e.g. `eks.amazonaws.com`. */
  readonly services: readonly string[];
  /** What it is for, for people. */
  readonly description: string;
  /** @default ['sts:AssumeRole'] */
  readonly actions?: readonly string[];
  /** @default - unconditional */
  readonly conditions?: PolicyStatement['conditions'];
}

/** Creates a role that only the given services can take. It has no permission until one is attached. */
export function serviceRole(scope: Construct, id: string, props: ServiceRoleProps): IamRole {
  return new IamRole(scope, id, {
    name: legalName(AWS_NAMES.role, [...props.naming, props.region], scope),
    description: props.description,
    assumeRolePolicy: policyDocument([
      {
        principals: { Service: props.services },
        actions: props.actions ?? ['sts:AssumeRole'],
        conditions: props.conditions,
      },
    ]),
  });
}
