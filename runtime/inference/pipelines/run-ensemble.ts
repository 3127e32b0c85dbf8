import type { Cancellation } from '../../shared/cancellation';
import type { Tensor } from '../tensors/tensor';
import { meanOf, voteOf } from './combine';
import type { Ballot } from './combine';
import { cannotCombine, noBranch } from './errors';
import type { Scope } from './frame';
import type { PlannedNode } from './plan';

/** What a branch gave, or what it failed with. */
export type BranchAnswer = Scope | { readonly error: unknown };

type Ensemble = PlannedNode & { readonly kind: 'ensemble' };

const isScope = (answer: BranchAnswer | undefined): answer is Scope => answer instanceof Map;

function merge(scopes: readonly Scope[]): Scope {
  const merged = new Map<string, Tensor>();
  for (const scope of scopes) for (const [name, tensor] of scope) merged.set(name, tensor);
  return merged;
}

async function tally(
  node: Ensemble,
  name: string,
  ballots: readonly Ballot[],
  signal: Pick<Cancellation, 'aborted'>,
): Promise<Tensor> {
  const [first, ...others] = ballots;
  if (first === undefined) throw cannotCombine(node.name, name, 'no branch gave it');
  const { datatype, shape } = first.tensor;
  const other = others.find(({ tensor }) => tensor.datatype !== datatype || tensor.shape.join() !== shape.join());
  if (other) {
    const { datatype: theirs, shape: form } = other.tensor;
    const what = `one branch gave ${datatype} [${shape.join(',')}], another ${theirs} [${form.join(',')}]`;
    throw cannotCombine(node.name, name, what);
  }
  return { name, datatype, shape, data: await (node.combine === 'mean' ? meanOf : voteOf)(ballots, signal) };
}

/**
 * Makes one answer of what the branches gave; soft ones that failed are left out.
 *
 * @param signal ends the work when nobody waits for the answer any more
 * @throws RequestError when none answered, or their tensors do not go together
 */
export async function combine(
  node: Ensemble,
  answers: readonly BranchAnswer[],
  signal: Pick<Cancellation, 'aborted'>,
): Promise<Scope> {
  const scopes = answers.filter(isScope);
  if (scopes.length === 0) {
    const failed = answers.find((answer) => !isScope(answer));
    throw failed !== undefined && 'error' in failed ? failed.error : noBranch(node.name);
  }
  if (node.combine === 'merge') return merge(scopes);
  const names = new Set(scopes.flatMap((scope) => [...scope.keys()]));
  const combined = new Map<string, Tensor>();
  for (const name of names) {
    const ballots = node.branches.flatMap(({ weight }, index) => {
      const answer = answers[index];
      const tensor = isScope(answer) ? answer.get(name) : undefined;
      return tensor === undefined ? [] : [{ tensor, weight }];
    });
    combined.set(name, await tally(node, name, ballots, signal));
  }
  return combined;
}
