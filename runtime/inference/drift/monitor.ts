import { rowsOfShape, rowValue } from '../../contract';
import type { DriftBaseline } from '../../contract';
import type { Tensor } from '../tensors/tensor';
import { numberReader } from '../tensors/values';
import { FeatureWindow } from './feature-window';

/** What one request may cost: rows that are looked at, and elements. */
const REQUEST_LIMITS = { rows: 32, elements: 2 ** 16 } as const;

/** Tensors of a request and of its answer. */
export interface Observed {
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
}

/** Holds what one version of a model takes and gives against its baseline. */
export class DriftMonitor {
  readonly windows: readonly FeatureWindow[];
  private allowance: number;
  private filledAt: number;

  /**
   * @param digest of the version that the baseline is part of
   * @param rowsPerSecond rows that are compared at most
   * @param now milliseconds of a monotonic clock
   */
  constructor(
    readonly digest: string,
    { features }: DriftBaseline,
    private readonly rowsPerSecond: number,
    private readonly now: () => number,
  ) {
    this.windows = features.map((feature) => new FeatureWindow(feature, features.length));
    this.allowance = rowsPerSecond;
    this.filledAt = now();
  }

  /** True while any feature differs from the baseline. */
  get drifted(): boolean {
    return this.windows.some(({ reading }) => reading?.drifted);
  }

  /** Rows that may be looked at now: what is left of a second. */
  allow(): number {
    const now = this.now();
    const gained = ((now - this.filledAt) / 1000) * this.rowsPerSecond;
    this.allowance = Math.min(this.rowsPerSecond, this.allowance + gained);
    this.filledAt = now;
    return Math.min(REQUEST_LIMITS.rows, Math.floor(this.allowance));
  }

  /** Takes rows of a request and its answer, as many as it may. Returns how many. */
  observe(observed: Observed): number {
    const most = this.allow();
    if (most < 1) return 0;
    let rows = 0;
    for (const window of this.windows) rows = Math.max(rows, this.take(window, observed, most));
    this.allowance -= rows;
    return rows;
  }

  private take(window: FeatureWindow, observed: Observed, most: number): number {
    const { side, tensor: name, element } = window.feature;
    const tensor = observed[side].find((each) => each.name === name);
    const at = tensor && numberReader(tensor);
    if (tensor === undefined || at === undefined) return 0;
    const { rows, width } = rowsOfShape(tensor.shape);
    const cost = element === 'mean' ? width : 1;
    const taken = Math.min(rows, most, Math.floor(REQUEST_LIMITS.elements / cost));
    for (let row = 0; row < taken; row++) {
      const value = rowValue(element, row, width, at);
      if (value !== undefined) window.add(value);
    }
    return taken;
  }
}
