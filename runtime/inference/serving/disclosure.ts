import type { Judge } from '../../shared/access-control';
import { metadataOfModel } from '../metadata';
import { configurationOf } from '../model-configuration';
import type { ModelConfiguration } from '../model-configuration';
import type { InferenceService } from './service';

/** A model that somebody asks about. */
export interface Question {
  readonly name: string;
  /** Or an alias. @default - the version that the name stands for */
  readonly version?: string | undefined;
  /** Servers that it came through. @default - none */
  readonly via?: string | undefined;
}

/** Whom a policy may keep from single versions. */
export interface Viewer {
  /** Judges the version that is meant; undefined where nobody has to. */
  readonly judge: Judge | undefined;
  /** Whether a version may be told of. */
  readonly shows: (name: string, version?: string) => boolean;
}

/**
 * What the models tell of themselves, on every transport. The permission that a caller has for what it asked for is none
 * for the version that a name alone or an alias leads to: that one is judged here.
 */
export class Disclosure {
  constructor(private readonly models: Pick<InferenceService, 'identify' | 'describe' | 'details' | 'isReady'>) {}

  /** What the protocol says of a model, and the versions that may be told of. @throws RequestError */
  async metadata(question: Question, { judge, shows }: Viewer): Promise<object> {
    const { name, version, via } = question;
    const meant = this.judged(question, judge);
    const metadata = await this.models.describe(name, version, via);
    const { versions } = metadata;
    // Which one another server means, only that server knows: it may be any.
    if (meant !== undefined && !versions.includes(meant)) for (const each of versions) judge?.({ name, version: each });
    return metadataOfModel({ ...metadata, versions: versions.filter((each) => shows(name, each)) });
  }

  /** How a model is served. @throws RequestError */
  configuration(question: Question, { judge }: Viewer): ModelConfiguration {
    this.judged(question, judge);
    return configurationOf(this.models.details(question.name, question.version));
  }

  /** True when it would answer now. @throws RequestError */
  isReady(question: Question, { judge }: Viewer): boolean | Promise<boolean> {
    this.judged(question, judge);
    return this.models.isReady(question.name, question.version, question.via);
  }

  /** The version that is meant, once it is judged; undefined where nobody has to. @throws RequestError */
  private judged({ name, version }: Question, judge: Judge | undefined): string | undefined {
    if (judge === undefined) return undefined;
    const meant = this.models.identify(name, version);
    // One that is not here has none without one in the question.
    if (meant.version !== '') judge(meant);
    return meant.version;
  }
}
