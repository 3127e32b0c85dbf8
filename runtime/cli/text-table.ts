/** One column: its heading and whether its cells are numbers. */
export interface Column {
  readonly title: string;
  /** Aligns to the right. @default false */
  readonly number?: boolean;
}

/** Lays rows out in columns of equal width, without borders, so that other tools can split them. */
export function textTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map(({ title }, index) =>
    Math.max(title.length, ...rows.map((row) => (row[index] ?? '').length)),
  );
  const line = (cells: readonly string[]): string =>
    columns
      .map(({ number }, index) => {
        const cell = cells[index] ?? '';
        const width = widths[index] ?? 0;
        return number ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  return [line(columns.map(({ title }) => title)), ...rows.map(line)].join('\n');
}
