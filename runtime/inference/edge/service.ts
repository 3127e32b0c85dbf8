import { RequestError } from '../../shared/errors';
import type { ModelIdentity } from '../data-plane';
import type { ModelMetadata } from '../registry';
import type { InferenceService, LocalService } from '../serving/service';
import { UpstreamError } from './errors';
import { isNameable } from './upstream';
import type { UpstreamModels } from './upstream-models';
import type { Via } from './via';

/** True for a model that is not here, or not yet. */
const isAway = (error: unknown): boolean =>
  error instanceof RequestError && (error.status === 404 || error.status === 503);

interface Question {
  readonly name: string;
  readonly version: string | undefined;
  /** Servers that it came through. */
  readonly list: string | undefined;
}

/** What is here, and where it is not, what the upstream server has. */
export function withUpstream(service: LocalService, models: UpstreamModels, via: Via): InferenceService {
  const orUpstream = async <T>(
    { name, version, list }: Question,
    local: () => T,
    remote: (via: string) => Promise<T>,
  ): Promise<T> => {
    try {
      return local();
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
    identify: (name, version) => identity(service, name, version),
    describe: (name, version, list) => {
      const local = (): ModelMetadata => service.describe(name, version);
      return orUpstream({ name, version, list }, local, (next) => models.describe(name, version, next));
    },
    isReady: (name, version, list) => {
      const local = (): boolean => service.isReady(name, version);
      return orUpstream({ name, version, list }, local, (next) => models.isReady(name, version, next));
    },
  };
}

/** What is not here may be upstream: that shows when it is asked. */
function identity(service: LocalService, name: string, version: string | undefined): ModelIdentity {
  try {
    return service.identify(name, version);
  } catch (error) {
    if (!isAway(error) || !isNameable(name, version)) throw error;
    return { name, version: version ?? '' };
  }
}
