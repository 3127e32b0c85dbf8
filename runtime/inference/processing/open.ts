import { createRequire } from 'node:module';
import type { FastifyBaseLogger } from 'fastify';
import type { InferenceConfig } from '../config';
import { ModelError } from '../errors';
import { childCommand } from './children/command';
import type { ChildOptions } from './children/command';
import { isolated } from './children/isolation';
import { StepWorkers } from './children/workers';
import { invalidProcessing, PluginError } from './errors';
import { readAllowList } from './plugins/allow-list';
import { discoverPlugins } from './plugins/discover';
import { openPlugin } from './plugins/open-plugin';
import type { OpenPlugin } from './plugins/open-plugin';
import type { StepResources } from './processing';

/** Settings of what steps work with. */
export type StepConfig = Pick<
  InferenceConfig,
  | 'processingTimeout'
  | 'processingMemoryBytes'
  | 'processingProcesses'
  | 'pluginsDir'
  | 'plugins'
  | 'pluginsAllow'
  | 'pluginsAllowFile'
  | 'nonFiniteInputs'
>;

/** What processes are started with. */
export interface StepSurroundings {
  /** Node.js. */
  readonly node: string;
  /** Folders of programs, as `PATH` has them. */
  readonly searchPath: string;
  readonly log: FastifyBaseLogger;
}

/** What steps work with, until it is closed. */
export interface OpenSteps extends StepResources {
  /** Ends all processes. */
  close(): Promise<void>;
}

const IMAGES = 'images';
const SHARP = 'sharp';

/** What steps work with, opened once for all models. */
class Steps implements OpenSteps {
  readonly plugins = new Map<string, OpenPlugin>();
  onRestart: StepResources['onRestart'] = () => undefined;
  private decoding: Promise<StepWorkers> | undefined;

  constructor(
    private readonly config: StepConfig,
    private readonly surroundings: StepSurroundings,
  ) {}

  get nonFinite(): StepConfig['nonFiniteInputs'] {
    return this.config.nonFiniteInputs;
  }

  readonly images = (): Promise<StepWorkers> => {
    this.decoding ??= this.startImages().catch((error: unknown) => {
      this.decoding = undefined;
      throw error;
    });
    return this.decoding;
  };

  async openPlugins(): Promise<void> {
    const { pluginsDir, plugins = [], pluginsAllow = [], pluginsAllowFile } = this.config;
    const allowed = await readAllowList(pluginsAllow, pluginsAllowFile);
    for (const folder of await discoverPlugins(pluginsDir, plugins, __filename)) {
      const plugin = await openPlugin(folder, allowed, ({ name, capabilities }, dir, hello) =>
        this.workers(`plugin ${name}`, hello, {
          program: 'plugin-child',
          permissions: {
            read: [dir],
            addons: capabilities.includes('addons'),
            network: capabilities.includes('network'),
          },
        }),
      );
      const { name, version } = plugin.manifest;
      if (this.plugins.has(name)) {
        await plugin.close();
        throw new PluginError('LNMT8362', `${folder}: another plugin has the name ${name}, too`);
      }
      this.plugins.set(name, plugin);
      this.surroundings.log.info({ plugin: name, version, digest: plugin.digest }, 'plugin ready');
    }
  }

  async close(): Promise<void> {
    const images = await this.decoding?.catch(() => undefined);
    await Promise.all([images?.close(), ...[...this.plugins.values()].map((plugin) => plugin.close())]);
  }

  private async startImages(): Promise<StepWorkers> {
    try {
      createRequire(__filename).resolve(SHARP);
    } catch (error) {
      throw new ModelError('LNMT8365', `run npm install ${SHARP}`, false, error);
    }
    const workers = this.workers(IMAGES, {}, { program: 'image-child' });
    try {
      await workers.start();
      return workers;
    } catch (error) {
      await workers.close();
      throw invalidProcessing(`images: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  private workers(name: string, hello: object, what: Pick<ChildOptions, 'program' | 'permissions'>): StepWorkers {
    const { processingTimeout: timeout, processingMemoryBytes: memoryBytes, processingProcesses } = this.config;
    const { node, searchPath, log } = this.surroundings;
    const network = what.permissions?.network ?? false;
    const command = childCommand({ ...what, node, memoryBytes });
    const { host, isolation } = isolated(command, { memoryBytes, network, searchPath });
    return new StepWorkers({
      ...{ name, host, isolation, hello, timeout, memoryBytes, log },
      processes: processingProcesses,
      restarted: () => this.onRestart(name),
    });
  }
}

/**
 * Opens the plugins of a server. Nothing else is started before a model needs it.
 *
 * @throws PluginError
 */
export async function openSteps(config: StepConfig, surroundings: StepSurroundings): Promise<OpenSteps> {
  const steps = new Steps(config, surroundings);
  try {
    await steps.openPlugins();
    return steps;
  } catch (error) {
    await steps.close();
    throw error;
  }
}
