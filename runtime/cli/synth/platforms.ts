import type { StackOutput } from './output';

/** What one platform on one target comes to. */
export interface PlatformSummary {
  /** Name of the target; `-` for stacks that belong to no platform. */
  readonly target: string;
  readonly platform: string;
  readonly stacks: readonly string[];
  readonly terraformResources: number;
  readonly kubernetesObjects: number;
  readonly helmReleases: number;
  /** What the target declares that it cannot offer: capability and reason. */
  readonly gaps: Readonly<Record<string, string>>;
}

/** Adds up stacks by platform: a stack that delivers, with everything that is applied before it. */
export function summarize(stacks: readonly StackOutput[]): readonly PlatformSummary[] {
  const byName = new Map(stacks.map((stack) => [stack.name, stack]));
  const groups = new Map<string, Set<StackOutput>>();
  const rest = new Set(stacks);
  for (const stack of stacks.filter(({ delivery }) => delivery !== undefined)) {
    const key = `${stack.delivery?.cloud}\n${stack.delivery?.platform}`;
    const group = groups.get(key) ?? new Set();
    for (const member of withDependencies(stack, byName)) {
      group.add(member);
      rest.delete(member);
    }
    groups.set(key, group);
  }
  const summaries = [...groups.values()].map((group) => summary([...group]));
  return rest.size === 0 ? summaries : [...summaries, summary([...rest])];
}

function withDependencies(stack: StackOutput, byName: ReadonlyMap<string, StackOutput>): Set<StackOutput> {
  const found = new Set<StackOutput>();
  const visit = (current: StackOutput | undefined): void => {
    if (current === undefined || found.has(current)) return;
    current.dependencies.forEach((name) => visit(byName.get(name)));
    found.add(current);
  };
  visit(stack);
  return found;
}

function summary(stacks: readonly StackOutput[]): PlatformSummary {
  const deliveries = stacks.flatMap(({ delivery }) => delivery ?? []);
  const releases = deliveries.flatMap((delivery) => delivery.releases);
  const [first] = deliveries;
  return {
    target: first?.cloud ?? '-',
    platform: first?.platform ?? '-',
    stacks: stacks.map(({ name }) => name),
    terraformResources: stacks.reduce((sum, { resources }) => sum + resources, 0),
    kubernetesObjects: releases.reduce((sum, { objects }) => sum + objects, 0),
    helmReleases: releases.length,
    gaps: Object.fromEntries(Object.entries(first?.gaps ?? {}).map(([name, gap]) => [name, gap.reason])),
  };
}
