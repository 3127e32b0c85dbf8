/** Why a model is not rewritten. The message names values and nodes of the model. */
export class RewriteError extends Error {
  constructor(
    /** `old` for an operator set before that of the new operators, `nothing` where there is nothing to rewrite. */
    readonly kind: 'old' | 'nothing' | 'unusable',
    message: string,
  ) {
    super(message);
    this.name = 'RewriteError';
  }
}

/** Refuses models of operator sets that lack the operators of the new graph. */
export function needOperatorSet(got: number, least: number, what: string): void {
  if (got >= least) return;
  throw new RewriteError('old', `${what} needs operator set ${least} or later, the model has ${got}`);
}
