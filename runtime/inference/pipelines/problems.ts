import { PIPELINE_LIMITS } from './limits';

/** Codes of what is wrong with pipelines themselves; they appear where settings are refused, in the log and in the index. */
export const PIPELINE_LOAD_ERRORS = {
  LNMT8351: {
    title: 'the description of a pipeline is not valid',
    explanation: 'LNMT_PIPELINES_FILE, or an ensemble in a repository. The message names the member and what it takes.',
  },
  LNMT8352: {
    title: 'the pipeline names a model or node that is not there',
    explanation: 'Models are those of the server, under the name and version that a request would use.',
  },
  LNMT8353: {
    title: 'the pipeline runs in a circle',
    explanation: 'A node leads to itself, or a step needs a tensor that only a step after it gives.',
  },
  LNMT8354: {
    title: 'a tensor of the pipeline comes from nowhere',
    explanation: 'No input and no step gives it, or a map names one that the model or node does not have.',
  },
  LNMT8355: {
    title: 'tensors of the pipeline do not fit',
    explanation: 'Datatypes are equal and shapes agree in rank and size along every edge; -1 agrees with any size.',
  },
  LNMT8356: {
    title: 'a tensor of the pipeline is given twice',
    explanation: 'Within a node each name stands for one tensor. Rename one of them with `outputs` of its step.',
  },
  LNMT8357: {
    title: 'a tensor of the pipeline is not used',
    explanation: 'No step takes it and it is no output. Leave it out of `outputs` of its step, or out of `inputs`.',
  },
  LNMT8358: {
    title: 'a step needs what a soft step may not give',
    explanation: 'A step that takes a tensor of a soft step is soft, too; else make the first one hard.',
  },
  LNMT8359: {
    title: 'the pipeline is too large',
    explanation: 'At most 64 nodes and steps, 16 nodes inside one another, and 16 branches of a node.',
  },
} as const;

/** One of {@link PIPELINE_LOAD_ERRORS}. */
export type ProblemCode = keyof typeof PIPELINE_LOAD_ERRORS;

/** Something that is wrong with a pipeline: a code, and a sentence that names node and tensor. */
export interface Problem {
  readonly code: ProblemCode;
  readonly what: string;
}

/** A problem in one line. */
export const problemText = ({ code, what }: Problem): string => `${code}: ${what}`;

/** A name as it stands in a sentence. */
export const quote = (name: string): string => JSON.stringify(name);

/** Collects what is wrong, each thing once, up to a bound. */
export class Problems {
  private readonly found = new Map<string, Problem>();

  /** @param subject what stands before every sentence */
  constructor(private readonly subject = '') {}

  /** Notes a problem. */
  add(code: ProblemCode, what: string): void {
    const problem = { code, what: `${this.subject}${what}` };
    if (this.found.size < PIPELINE_LIMITS.problems) this.found.set(problemText(problem), problem);
  }

  /** Everything that was noted. */
  get list(): readonly Problem[] {
    return [...this.found.values()];
  }
}

/** Pipelines that cannot be served. For operators. */
export class PipelineError extends Error {
  readonly code: ProblemCode;

  constructor(readonly problems: readonly Problem[]) {
    super(problems.map(problemText).join('\n'));
    this.name = 'PipelineError';
    this.code = problems[0]?.code ?? 'LNMT8351';
  }
}
