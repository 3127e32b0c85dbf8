import type { IConstruct } from 'constructs';
import { LnmtError } from '../errors';
import type { ErrorTable } from '../errors';

/** Codes of the storage, data, security and operations blocks of AWS, 2100 to 2199. */
export const AWS_DATA_ERRORS = {
  LNMT2100: {
    title: 'an ARN does not fit',
    explanation:
      'An existing resource is adopted by its Amazon Resource Name, arn:partition:service:region:account:resource. The name that was given belongs to another service, or is no ARN.',
  },
  LNMT2101: {
    title: 'a target cannot be backed up',
    explanation:
      'AWS Backup copies buckets, file systems, tables and databases. Caches, scratch, keys and secrets are rebuilt or have a recovery window of their own.',
  },
  LNMT2102: {
    title: 'no instance class is large enough',
    explanation: 'Managed databases and caches come in fixed sizes. The message states the largest one.',
  },
  LNMT2103: {
    title: 'a repository name cannot be used',
    explanation:
      'Names of image repositories are lower-case letters and digits, joined by single dots, underscores, hyphens or slashes, and each one is listed once.',
  },
  LNMT2104: {
    title: 'a prefix cannot be granted',
    explanation:
      'The prefix of a grant becomes part of a resource ARN, in which * and ? are wildcards and a leading slash is part of the key. Either would grant something else than what it says.',
  },
  LNMT2105: {
    title: 'a domain name cannot be used',
    explanation: 'A DNS zone takes a fully qualified domain name without a wildcard and without a dot at the end.',
  },
  LNMT2106: {
    title: 'a database name cannot be used',
    explanation: 'PostgreSQL folds unquoted names to lower case and RDS accepts letters, digits and underscores only.',
  },
  LNMT2107: {
    title: 'an adopted store has another prefix',
    explanation:
      'The registry prefix of ECR is account.dkr.ecr.region.amazonaws.com, followed by the first part of the repository names.',
  },
} as const satisfies ErrorTable;

/** The value is not an ARN of the service. */
export function wrongArn(scope: IConstruct | undefined, property: string, value: string, service: string): LnmtError {
  return new LnmtError('LNMT2100', scope, {
    what: `${property} is not an ARN of ${service}`,
    got: JSON.stringify(value),
    allowed: `arn:aws:${service}:…`,
    remedy: `pass the ARN that the console or \`aws ${service}\` prints`,
  });
}

/** AWS Backup has no support for the block, or the block does not expose its ARN. */
export function notBackedUp(scope: IConstruct | undefined, path: string): LnmtError {
  return new LnmtError('LNMT2101', scope, {
    what: 'targets holds something that AWS Backup cannot copy',
    got: path,
    allowed: 'object stores, file stores, document stores and relational databases of this cloud',
    remedy: 'leave it out of targets',
  });
}

/** The request exceeds the largest class. */
export function noInstanceClass(
  scope: IConstruct | undefined,
  service: string,
  request: string,
  largest: string,
): LnmtError {
  return new LnmtError('LNMT2102', scope, {
    what: `${service} has no instance class that is large enough`,
    got: request,
    allowed: `at most ${largest}`,
    remedy: 'ask for less, or adopt an existing one with its fromXxx factory',
  });
}

/** The repository name is malformed or listed twice. */
export function unusableRepository(scope: IConstruct | undefined, value: string, reason: string): LnmtError {
  return new LnmtError('LNMT2103', scope, {
    what: `repositories holds a name that ${reason}`,
    got: JSON.stringify(value),
    allowed: 'lower-case letters and digits, joined by one of . _ - /',
    remedy: 'rename or remove the repository',
  });
}

/** The prefix would grant something else than it says. */
export function unusablePrefix(scope: IConstruct | undefined, value: string): LnmtError {
  return new LnmtError('LNMT2104', scope, {
    what: 'prefix cannot be granted',
    got: JSON.stringify(value),
    allowed: 'a key prefix such as models/digits, without a leading slash and without * ? or $',
    remedy: 'name the folder that the identity needs',
  });
}

/** The domain name is malformed. */
export function unusableDomain(scope: IConstruct | undefined, value: string): LnmtError {
  return new LnmtError('LNMT2105', scope, {
    what: 'domainName cannot be used',
    got: JSON.stringify(value),
    allowed: 'a fully qualified name such as ml.example.com',
    remedy: 'write the name without wildcard, scheme or dot at the end',
  });
}

/** The database name is malformed. */
export function unusableDatabaseName(scope: IConstruct | undefined, value: string): LnmtError {
  return new LnmtError('LNMT2106', scope, {
    what: 'databaseName cannot be used',
    got: JSON.stringify(value),
    allowed: 'a lower-case letter, then up to 62 lower-case letters, digits and underscores',
    remedy: 'choose another databaseName',
  });
}

/** The adopted prefix is not one of ECR. */
export function unusableRegistryPrefix(scope: IConstruct | undefined, value: string): LnmtError {
  return new LnmtError('LNMT2107', scope, {
    what: 'registryPrefix is not one of Amazon ECR',
    got: JSON.stringify(value),
    allowed: '<account>.dkr.ecr.<region>.amazonaws.com/<prefix>',
    remedy: 'copy the URI of a repository without its last part',
  });
}
