/** One fault, load or bad input, and how the server is seen to stand it. */
export interface FaultCase {
  /** Id of the acceptance figure, such as `R-04`. */
  readonly id: string;
  /** The fault in a few words. */
  readonly what: string;
  /** Seconds after which the case counts as failed, in the scaled profile and in the full one. */
  readonly limit: { readonly scaled: number; readonly full: number };
  readonly run: (bench: Bench) => Promise<void>;
}

/** What a case throws to say that it cannot be made here. */
export class Skip extends Error {}

/** How a case ended. */
export type Outcome = 'PASS' | 'FAIL' | 'SKIP';

/** One measured figure beside what it is held to. */
export interface Figure {
  readonly name: string;
  readonly got: number | string;
  readonly criterion: string;
  readonly met: boolean;
  /** False for a time that two shared cores cannot decide on. */
  readonly decides: boolean;
}

/** Everything that is known of a case when it is over. */
export interface Report {
  readonly id: string;
  readonly what: string;
  readonly outcome: Outcome;
  readonly seconds: number;
  readonly counts: Readonly<Record<string, { readonly used: number; readonly full: number }>>;
  readonly figures: readonly Figure[];
  readonly notes: readonly string[];
  readonly reason: string | undefined;
}

const rounded = (value: number): number => (Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3)));

/** What a case works with: counts of its profile, figures, a folder, and clean-ups. */
export class Bench {
  readonly counts: Record<string, { used: number; full: number }> = {};
  readonly figures: Figure[] = [];
  readonly notes: string[] = [];
  private readonly cleanups: (() => Promise<unknown> | void)[] = [];
  /** Set when the case is over: whatever still runs then ends at its next look. */
  over = false;

  constructor(
    /** True for the whole counts. */
    readonly full: boolean,
    /** A folder of the case's own, removed afterwards. */
    readonly folder: string,
  ) {}

  /** How many of something this profile does. */
  count(name: string, scaled: number, full: number): number {
    const used = this.full ? full : scaled;
    this.counts[name] = { used, full };
    return used;
  }

  /** A figure that decides in every profile. */
  must(name: string, got: number | string | boolean, criterion: string, met: boolean): void {
    const value = typeof got === 'number' ? rounded(got) : String(got);
    this.figures.push({ name, got: value, criterion, met, decides: true });
  }

  /** A number that has to be this one. */
  equal(name: string, got: number | string, wanted: number | string): void {
    this.must(name, got, `= ${wanted}`, got === wanted);
  }

  /** A number that must not be larger. */
  atMost(name: string, got: number, most: number): void {
    this.must(name, got, `<= ${rounded(most)}`, got <= most);
  }

  /** A number that must not be smaller. */
  atLeast(name: string, got: number, least: number): void {
    this.must(name, got, `>= ${rounded(least)}`, got >= least);
  }

  /** A time that two shared cores cannot show: reported always, decided on with the full counts. */
  timing(name: string, got: number, most: number): void {
    const figure = { name, got: rounded(got), criterion: `<= ${rounded(most)}`, met: got <= most };
    this.figures.push({ ...figure, decides: this.full });
  }

  /** A share or rate that two shared cores cannot show. */
  rate(name: string, got: number, least: number): void {
    const figure = { name, got: rounded(got), criterion: `>= ${rounded(least)}`, met: got >= least };
    this.figures.push({ ...figure, decides: this.full });
  }

  /** A remark of a few words. */
  note(text: string): void {
    this.notes.push(text);
  }

  /** Something to undo when the case is over, last first. */
  after(cleanup: () => Promise<unknown> | void): void {
    this.cleanups.push(cleanup);
  }

  /** Undoes everything. Gives what went wrong doing so. */
  async close(): Promise<string[]> {
    this.over = true;
    const faults: string[] = [];
    for (const cleanup of this.cleanups.reverse()) {
      try {
        await cleanup();
      } catch (error) {
        faults.push(error instanceof Error ? error.message : String(error));
      }
    }
    return faults;
  }
}

/** The factor by which a profile falls short of the full counts. */
export function factorOf(counts: Report['counts']): string {
  const shares = Object.entries(counts).map(([name, { used, full }]) =>
    used === full ? `${used} ${name}` : `${used} of ${full} ${name} (factor ${rounded(full / used)})`,
  );
  return shares.length === 0 ? 'full counts' : shares.join(', ');
}

/** One line for people. */
export function lineOf({ id, what, outcome, seconds, counts, figures, notes, reason }: Report): string {
  const parts = figures.map(({ name, got, criterion, met, decides }) => {
    const mark = met ? '' : decides ? ' MISSED' : ' (missed; not decided on in this profile)';
    return `${name} ${got} (${criterion})${mark}`;
  });
  const text = [`${outcome} ${id} ${what}`, factorOf(counts), parts.join('; '), notes.join('; '), reason ?? ''];
  return `${text.filter((part) => part !== '').join(' | ')} | ${seconds.toFixed(1)} s`;
}
