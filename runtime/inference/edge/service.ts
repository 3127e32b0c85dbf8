import { RequestError } from '../../shared/errors';
import type { InferenceService, LocalService } from '../serving/service';
import { UpstreamError } from './errors';
import { isNameable } from './upstream';
import type { UpstreamModels } from './upstream-models';
import type { Via } from './via';

/** True for a model that is not here, or not yet. */
const isAway = (error: unknown): boolean =>
  error instanceof RequestError && (error.status === 404 || error.status === 503);

/** What is here, and where it is not, what the upstream server has. */
export function withUpstream(service: LocalService, models: UpstreamModels, via: Via): InferenceService {
  const orUpstream = async <T>(
    {
      name,
      version,
      list,
    }: { readonly name: string; readonly version?: string | undefined; readonly list?: string | undefined },
    local: () => T | Promise<T>,
    remote: (via: string) => Promise<T>,
  ): Promise<T> => {
    try {
      return await local();
    } catch (error) {
      const next = isAway(error) && isNameable(name, version) ? via.next(list) : undefined;
      if (next === undefined) throw error;
      return remote(next).catch((failure: unknown) => {
        throw failure instanceof UpstreamError && failure.reason === 'absent' ? error : failure;
      });
    }
  };
  return {
    ...service,
    identify: (name, version) => {
      try {
        return service.identify(name, version);
      } catch (error) {
        if (!isAway(error) || !isNameable(name, version)) throw error;
        return { name, version: version ?? '' };
      }
    },
    describe: (name, version, list) =>
      orUpstream(
        { name, version, list },
        () => service.describe(name, version),
        (next) => models.describe(name, version, next),
      ),
    isReady: (name, version, list) =>
      orUpstream(
        { name, version, list },
        () => service.isReady(name, version),
        (next) => models.isReady(name, version, next),
      ),
  };
}
