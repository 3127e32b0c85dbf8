import fs from 'node:fs';
import path from 'node:path';

/** Something that may change. */
export interface Watched {
  /** Files and folders that belong to it. */
  readonly places: () => readonly string[];
  /** Called when it has changed and come to rest. */
  readonly changed: () => Promise<void>;
}

/** How often files are looked at: metadata only, so that any file system serves, those of networks included. */
const EVERY_MS = 300;
const DEPTH = 4;
const MAX_FILES = 5_000;

function visit(place: string, depth: number, found: string[]): void {
  const stats = fs.statSync(place, { throwIfNoEntry: false });
  if (stats === undefined || found.length >= MAX_FILES) return;
  if (!stats.isDirectory()) {
    found.push(`${place} ${stats.size} ${stats.mtimeMs} ${stats.ino}`);
    return;
  }
  if (depth < DEPTH) for (const name of fs.readdirSync(place)) visit(path.join(place, name), depth + 1, found);
}

/** A text that changes with the files; empty while there are none, or they cannot be looked at. */
function fingerprint(places: readonly string[]): string {
  const found: string[] = [];
  try {
    for (const place of places) visit(place, 0, found);
  } catch {
    return '';
  }
  return found.join('\n');
}

/** Looks at things until it is stopped; each change is reported once the files have kept still for one look. */
export class Watcher {
  private readonly timer: NodeJS.Timeout;
  private readonly seen: string[];
  private readonly pending: (string | undefined)[];
  private busy: Promise<void> = Promise.resolve();
  private looking = false;

  constructor(private readonly watched: readonly Watched[]) {
    this.seen = watched.map(({ places }) => fingerprint(places()));
    this.pending = watched.map(() => undefined);
    this.timer = setInterval(() => this.look(), EVERY_MS);
  }

  /** Stops looking, and waits for what a change set off. */
  async close(): Promise<void> {
    clearInterval(this.timer);
    await this.busy;
  }

  private look(): void {
    if (this.looking) return;
    const ready = this.watched.filter(({ places }, index) => this.rests(index, fingerprint(places())));
    if (ready.length === 0) return;
    this.looking = true;
    this.busy = (async () => {
      for (const { changed } of ready) await changed();
    })().finally(() => {
      this.looking = false;
    });
  }

  private rests(index: number, now: string): boolean {
    const still = this.pending[index] === now;
    this.pending[index] = now;
    if (!still || now === '' || now === this.seen[index]) return false;
    this.seen[index] = now;
    return true;
  }
}
