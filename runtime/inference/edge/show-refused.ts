import type { ServerMetrics } from '../observe';
import type { Destination } from './destination';

/**
 * Brings the gauge of files that are not taken up to date.
 *
 * @param names values of its label, for the TLS files and the credential of a destination
 */
export function showRefused(
  { filesRefused }: Pick<ServerMetrics, 'filesRefused'>,
  names: Readonly<Record<keyof Destination['refused'], string>>,
  { refused }: Pick<Destination, 'refused'>,
): void {
  for (const [kind, files] of Object.entries(names) as [keyof typeof names, string][]) {
    if (refused[kind] !== undefined) filesRefused.set({ files }, refused[kind] ? 1 : 0);
  }
}
