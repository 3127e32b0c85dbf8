import type { SessionPod } from './session';

/** Prints a pod and everything in which its process differs from its manifest. */
export function describePod(print: (line: string) => void, pod: SessionPod): void {
  print(`${pod.name} at ${pod.url}`);
  for (const { what, from, to, kind } of pod.replacements) print(`  ${what}: ${from} -> ${to} (${kind})`);
}
