import { PIPELINE_LIMITS } from './limits';
import { quote } from './problems';
import type { Problems } from './problems';
import { stepsOf } from './spec';
import type { PipelineSpec } from './spec';

/** What one walk through a pipeline has met. */
interface Walk {
  readonly pipeline: PipelineSpec;
  readonly problems: Problems;
  readonly reached: Set<string>;
  entered: number;
}

/** Enters a node, with the nodes that led to it. */
function enter(walk: Walk, name: string, above: readonly string[]): void {
  const { pipeline, problems, reached } = walk;
  const node = Object.hasOwn(pipeline.nodes, name) ? pipeline.nodes[name] : undefined;
  const subject = `pipeline ${quote(pipeline.name)}`;
  if (node === undefined) {
    const from = above.at(-1);
    const who = from === undefined ? 'root' : `node ${quote(from)}`;
    return problems.add('LNMT8352', `${subject}: ${who} names the node ${quote(name)}, which is not there`);
  }
  if (above.includes(name)) {
    const circle = [...above.slice(above.indexOf(name)), name].map(quote).join(' → ');
    return problems.add('LNMT8353', `${subject}: node ${quote(name)} leads to itself: ${circle}`);
  }
  reached.add(name);
  if (above.length >= PIPELINE_LIMITS.depth) {
    const most = PIPELINE_LIMITS.depth;
    return problems.add('LNMT8359', `${subject}: node ${quote(name)} lies more than ${most} nodes deep`);
  }
  const steps = stepsOf(node);
  walk.entered += 1 + steps.filter(({ target }) => target.kind === 'model').length;
  for (const { target } of steps) {
    // A node may be entered from several places, so that a small description could stand for a vast graph.
    if (walk.entered > PIPELINE_LIMITS.nodes) return;
    if (target.kind === 'node') enter(walk, target.node, [...above, name]);
  }
}

/** What can be said of a pipeline without its models: every node is there, none leads to itself, and all are few. */
export function checkStructure(pipeline: PipelineSpec, problems: Problems): void {
  const walk: Walk = { pipeline, problems, reached: new Set(), entered: 0 };
  const before = problems.list.length;
  enter(walk, pipeline.root, []);
  const subject = `pipeline ${quote(pipeline.name)}`;
  if (walk.entered > PIPELINE_LIMITS.nodes) {
    return problems.add('LNMT8359', `${subject} has more than ${PIPELINE_LIMITS.nodes} nodes and steps`);
  }
  if (problems.list.length > before) return;
  const idle = Object.keys(pipeline.nodes).find((name) => !walk.reached.has(name));
  if (idle !== undefined) problems.add('LNMT8351', `${subject}: nothing leads to the node ${quote(idle)}`);
}
