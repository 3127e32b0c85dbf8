import { PATHS } from '../../../runtime/contract';

/** Samples of a Prometheus exposition. */
export class Metrics {
  private constructor(private readonly lines: readonly string[]) {}

  /** Reads the metrics of a server from its metrics port. */
  static async of(port: number): Promise<Metrics> {
    const text = await (await fetch(`http://127.0.0.1:${port}${PATHS.metrics}`)).text();
    return new Metrics(text.split('\n').filter((line) => line !== '' && !line.startsWith('#')));
  }

  /** Sum of the samples of a series whose labels contain these. */
  sum(name: string, labels: Readonly<Record<string, string>> = {}): number {
    let sum = 0;
    for (const line of this.lines) {
      const parts = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line);
      if (parts?.[1] !== name) continue;
      const given = parts[2] ?? '';
      if (Object.entries(labels).every(([key, value]) => given.includes(`${key}="${value}"`))) sum += Number(parts[3]);
    }
    return sum;
  }
}
