import type { IConstruct } from 'constructs';
import { noInstanceClass } from './errors-data';

/** One size of a managed service. */
export interface InstanceClass {
  readonly name: string;
  readonly vcpus: number;
  /** Memory in GiB that the service leaves to its user. */
  readonly memoryGiB: number;
}

/** PostgreSQL on Graviton, smallest first. @see https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.DBInstanceClass.Summary.html */
export const DATABASE_CLASSES: readonly InstanceClass[] = [
  { name: 'db.t4g.medium', vcpus: 2, memoryGiB: 4 },
  { name: 'db.m7g.large', vcpus: 2, memoryGiB: 8 },
  { name: 'db.r7g.large', vcpus: 2, memoryGiB: 16 },
  { name: 'db.m7g.xlarge', vcpus: 4, memoryGiB: 16 },
  { name: 'db.r7g.xlarge', vcpus: 4, memoryGiB: 32 },
  { name: 'db.m7g.2xlarge', vcpus: 8, memoryGiB: 32 },
  { name: 'db.r7g.2xlarge', vcpus: 8, memoryGiB: 64 },
  { name: 'db.m7g.4xlarge', vcpus: 16, memoryGiB: 64 },
  { name: 'db.r7g.4xlarge', vcpus: 16, memoryGiB: 128 },
  { name: 'db.m7g.8xlarge', vcpus: 32, memoryGiB: 128 },
  { name: 'db.r7g.8xlarge', vcpus: 32, memoryGiB: 256 },
  { name: 'db.m7g.16xlarge', vcpus: 64, memoryGiB: 256 },
  { name: 'db.r7g.16xlarge', vcpus: 64, memoryGiB: 512 },
];

/** Valkey on Graviton, smallest first. @see https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/CacheNodes.SupportedTypes.html */
export const CACHE_CLASSES: readonly InstanceClass[] = [
  { name: 'cache.t4g.small', vcpus: 2, memoryGiB: 1.37 },
  { name: 'cache.t4g.medium', vcpus: 2, memoryGiB: 3.09 },
  { name: 'cache.m7g.large', vcpus: 2, memoryGiB: 6.38 },
  { name: 'cache.r7g.large', vcpus: 2, memoryGiB: 13.07 },
  { name: 'cache.r7g.xlarge', vcpus: 4, memoryGiB: 26.32 },
  { name: 'cache.r7g.2xlarge', vcpus: 8, memoryGiB: 52.82 },
  { name: 'cache.r7g.4xlarge', vcpus: 16, memoryGiB: 105.81 },
  { name: 'cache.r7g.8xlarge', vcpus: 32, memoryGiB: 209.55 },
  { name: 'cache.r7g.12xlarge', vcpus: 48, memoryGiB: 317.77 },
  { name: 'cache.r7g.16xlarge', vcpus: 64, memoryGiB: 419.09 },
];

/**
 * The smallest class that has at least so much of both. Pure.
 *
 * @param classes smallest first
 * @throws LNMT2102 when none is large enough
 */
export function selectClass(
  scope: IConstruct | undefined,
  service: string,
  classes: readonly InstanceClass[],
  need: { readonly vcpus: number; readonly memoryGiB: number },
): string {
  const fitting = classes.find((offer) => offer.vcpus >= need.vcpus && offer.memoryGiB >= need.memoryGiB);
  if (fitting !== undefined) return fitting.name;
  const largest = classes[classes.length - 1];
  throw noInstanceClass(
    scope,
    service,
    `${need.vcpus} vCPUs and ${need.memoryGiB} GiB`,
    largest === undefined ? 'nothing' : `${largest.vcpus} vCPUs and ${largest.memoryGiB} GiB (${largest.name})`,
  );
}
