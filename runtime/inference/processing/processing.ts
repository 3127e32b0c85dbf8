import path from 'node:path';
import type { ModelIdentity } from '../data-plane';
import { ModelError } from '../errors';
import type { VerifiedModel } from '../registry/source';
import { boundsChecks } from './bounds';
import type { StepWorkers } from './children/workers';
import { invalidProcessing } from './errors';
import { Plan } from './plan';
import type { StepMakers } from './plan';
import type { OpenPlugin } from './plugins/open-plugin';
import { Processor } from './processor';
import type { NonFinitePolicy, ProcessingSettings } from './settings';
import { filterStep } from './steps/filter';
import { imageStep } from './steps/image';
import { labelsStep } from './steps/labels';
import { normaliseStep } from './steps/normalise';
import { pluginStep } from './steps/plugin';
import { softmaxStep } from './steps/softmax';
import { openTokenizer, tokenizeStep } from './steps/tokenize';
import type { Tokenizer } from './steps/tokenize';

/** What steps work with that is not of one model. */
export interface StepResources {
  readonly plugins: ReadonlyMap<string, OpenPlugin>;
  /** The processes that decode images, started when a model first needs them. @throws ModelError */
  readonly images: () => Promise<StepWorkers>;
  /** What becomes of NaN and infinities where a model does not say. */
  readonly nonFinite: NonFinitePolicy;
  /** Told when a process was replaced. */
  onRestart: (process: string) => void;
}

/** Told of what happens around models. */
export interface ProcessingObserver {
  readonly step: (model: ModelIdentity, step: string, seconds: number) => void;
  readonly filtered: (model: ModelIdentity, rule: string, count: number) => void;
  readonly refused: (model: ModelIdentity, code: string) => void;
}

/** A server without plugins, whose steps all run in its own process. */
export const noResources = (): StepResources => ({
  plugins: new Map(),
  images: () => Promise.reject(invalidProcessing('this server decodes no images')),
  nonFinite: 'allow',
  onRestart: () => undefined,
});

/** A tokenizer that is opened by the first step that needs it. */
class TokenizerOnDemand {
  private opened: Promise<Tokenizer> | undefined;

  constructor(private readonly dir: string) {}

  readonly open = (): Promise<Tokenizer> => (this.opened ??= openTokenizer(this.dir));

  readonly close = async (): Promise<void> => {
    const tokenizer = await this.opened?.catch(() => undefined);
    await tokenizer?.thread.close();
  };
}

/** Makes the steps around models. */
export class Processing {
  constructor(
    private readonly resources: StepResources,
    private readonly observe: ProcessingObserver,
  ) {}

  /** What becomes of NaN and infinities where a model does not say. */
  get nonFinite(): NonFinitePolicy {
    return this.resources.nonFinite;
  }

  /** Counts a refusal. */
  refused(model: ModelIdentity, code: string): void {
    this.observe.refused(model, code);
  }

  /**
   * The steps around one version of a model; undefined where it has none.
   *
   * @throws ModelError
   */
  async open(
    model: ModelIdentity,
    settings: ProcessingSettings | undefined,
    { file, report }: VerifiedModel,
  ): Promise<Processor | undefined> {
    if (settings === undefined) return undefined;
    const dir = path.dirname(file);
    const tokenizer = new TokenizerOnDemand(dir);
    try {
      const plan = await Plan.make(settings, report, this.makers(model, dir, tokenizer));
      const checks = boundsChecks(settings.inputs, plan.signature, this.resources.nonFinite);
      const observe = (step: string, seconds: number): void => this.observe.step(model, step, seconds);
      return new Processor({ model, plan, checks, observe, release: tokenizer.close });
    } catch (error) {
      await tokenizer.close();
      if (error instanceof ModelError) throw error;
      throw new ModelError('LNMT8364', error instanceof Error ? error.message : String(error), false, error);
    }
  }

  private makers(model: ModelIdentity, dir: string, tokenizer: TokenizerOnDemand): StepMakers {
    const { plugins, images } = this.resources;
    const told = (rule: string, count: number): void => {
      if (count > 0) this.observe.filtered(model, rule, count);
    };
    return {
      before: async (settings, needed) => {
        if ('plugin' in settings) return pluginStep(settings, plugins);
        switch (settings.step) {
          case 'tokenize':
            return tokenizeStep(settings, needed, tokenizer.open);
          case 'normalise':
            return normaliseStep(settings, needed);
          case 'image':
            return imageStep(settings, needed, images);
        }
      },
      after: async (settings, given) => {
        if ('plugin' in settings) return pluginStep(settings, plugins);
        switch (settings.step) {
          case 'softmax':
            return softmaxStep(settings, given);
          case 'labels':
            return labelsStep(settings, given, dir);
          case 'filter':
            return filterStep(settings, given, told);
        }
      },
    };
  }
}
