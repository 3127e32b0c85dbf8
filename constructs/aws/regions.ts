import type { IConstruct } from 'constructs';
import { literal } from '../checks';
import { otherRegion, unusableRegion } from './errors';

/** Zones that a network spans where the region has as many. */
export const DEFAULT_ZONES = 3;

/**
 * Regions with fewer than three availability zones that an account can use; every other region has three or more. Only
 * the count is listed: which zones they are is asked of AWS, because accounts see different ones.
 *
 * @see https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-availability-zones.html
 */
export const FEW_ZONES: Readonly<Record<string, number>> = {
  // Accounts see two of the zones of Northern California.
  'us-west-1': 2,
};

/** Number of zones that a network can span in a region, as far as is known when the program runs. */
export function zonesOf(region: string): number {
  return FEW_ZONES[region] ?? DEFAULT_ZONES;
}

/** Checks the code of a region. @throws LNMT1004 for a token, LNMT2001 for anything that is not such a code */
export function checkRegion(scope: IConstruct | undefined, property: string, region: string): string {
  literal(scope, property, region);
  if (!/^[a-z]{2,4}(-[a-z]+){1,3}-\d{1,2}$/.test(region)) throw unusableRegion(scope, property, region);
  return region;
}

/** Checks that a block lives where it is used. @throws LNMT2013 for one of another region */
export function expectRegion(
  scope: IConstruct,
  property: string,
  block: { readonly region: string },
  region: string,
): void {
  if (block.region !== region) throw otherRegion(scope, property, block.region, region);
}
