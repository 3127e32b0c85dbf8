const MOST = 5;

/** The names nearest to what somebody wrote, at most five of them and none beyond a distance. */
export function nearest(names: Iterable<string>, distance: (name: string) => number, most: number): readonly string[] {
  return [...names]
    .filter((name) => distance(name) <= most)
    .sort((a, b) => distance(a) - distance(b) || (a < b ? -1 : 1))
    .slice(0, MOST);
}

/** How many letters have to be put in, left out or changed to make one text of another. */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, left] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, right] of [...b].entries()) {
      const above = (row[j + 1] ?? 0) + 1;
      const before = (next[j] ?? 0) + 1;
      next.push(Math.min(above, before, (row[j] ?? 0) + (left === right ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
