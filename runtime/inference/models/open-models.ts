import path from 'node:path';
import type { FastifyBaseLogger } from 'fastify';
import { MODEL_NAME_PATTERN } from '../../contract';
import type { InferenceConfig } from '../config';
import { ModelError } from '../errors';
import type { PipelineSpec } from '../pipelines';
import type { ModelSource } from '../registry';
import type { ModelSpec } from '../registry';
import { ModelCache } from './cache';
import { DiskBudget } from './disk-budget';
import { sweep } from './leftovers';
import type { ModelLocation } from './location';
import { NamedStore } from './named-store';
import { openStore } from './open-store';
import { openSignatures } from '../signing/open';
import { Repository } from './repository';

/** All repositories of a server over one cache on disk. */
export interface OpenModels {
  /** Where a model comes from; undefined for a name that no repository can hold. */
  readonly sourceOf: (name: string) => ModelSource | undefined;
  /** Models that a repository holds beside those that are configured. */
  readonly discover: () => Promise<readonly ModelSpec[]>;
  /** Ensembles that were found beside those models. @default - no repository was asked */
  readonly ensembles?: () => readonly PipelineSpec[];
  /** Bytes on disk. */
  readonly cacheBytes: () => Promise<number>;
}

/** Folders that a line of the log names. */
const MOST_TOLD = 20;

type Open = (location: ModelLocation, bare: boolean, name?: string) => Repository;

/** Opens repositories, each once. */
async function opener(config: InferenceConfig, dir: string, budget: DiskBudget): Promise<Open> {
  const signatures = await openSignatures(config);
  const opened = new Map<string, Repository>();
  return (location, bare, name) => {
    const origin = JSON.stringify(location);
    const key = JSON.stringify([origin, bare, name]);
    const found = opened.get(key);
    if (found) return found;
    const whole = openStore(location, config);
    const store = name === undefined ? whole : new NamedStore(whole, name);
    const repository = new Repository(store, new ModelCache(store, dir, { origin, budget, bare }), signatures);
    opened.set(key, repository);
    return repository;
  };
}

/**
 * Opens the repositories that the configuration names; nothing is asked of them yet. What ended servers have left half
 * done in the cache is removed.
 *
 * @param log told what was removed, and what is left out @default - nobody is told
 * @throws StartError LNMT8112 for keys of signers that cannot be read, LNMT8103 without the packages that they need
 */
export async function openModels(
  config: InferenceConfig,
  log?: Pick<FastifyBaseLogger, 'info' | 'warn'>,
): Promise<OpenModels> {
  const dir = path.resolve(config.modelCacheDir);
  const swept = await sweep(dir);
  if (swept.removed > 0) log?.info(swept, 'removed from the model cache what ended servers left half done');
  const budget = new DiskBudget(dir, config.modelCacheBytes);
  const open = await opener(config, dir, budget);
  const named = new Map(config.models.map((model) => [model.name, model]));
  const { repository, modelLoading: load } = config;
  const others = repository === undefined ? undefined : open(repository, true, config.repositoryModel);
  let ensembles: readonly PipelineSpec[] = [];
  return {
    ...(others === undefined ? {} : { ensembles: () => ensembles }),
    sourceOf: (name) => {
      const model = named.get(name);
      if (model !== undefined) return open(model.location, model.closed !== true);
      return MODEL_NAME_PATTERN.test(name) ? others : undefined;
    },
    discover: async () => {
      const held = await others?.names((folders) => {
        const found = {
          folders: folders.slice(0, MOST_TOLD),
          count: folders.length,
          allowed: MODEL_NAME_PATTERN.source,
        };
        log?.warn(found, 'the repository has folders whose names no model can have; rename them to have them served');
      });
      // Nobody would ever learn of a server that is ready and serves nothing.
      if (held?.length === 0 && load === 'pinned') throw new ModelError('LNMT8301', 'its repository holds no model');
      const names = (held ?? []).filter((name) => !named.has(name));
      ensembles = (await others?.ensembles(names, load !== 'lazy')) ?? [];
      const models = names.filter((name) => !ensembles.some((ensemble) => ensemble.name === name));
      return models.map((name) => ({ name, load }));
    },
    cacheBytes: () => budget.bytes(),
  };
}
