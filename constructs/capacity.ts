import { literal } from './checks';
import { LnmtError } from './errors';

/** How a reservation is found: by its id, or by tags that it carries. Exactly one of the two. */
export interface ReservationSelector {
  /** Id of the reservation, in the cloud's form. @default - found by tags */
  readonly id?: string;
  /** Tags of the reservation. @default - found by id */
  readonly tags?: Readonly<Record<string, string>>;
}

/** Rungs of a capacity ladder. */
export type CapacityKind = 'reserved' | 'on-demand' | 'spot';

/**
 * One rung of a capacity ladder. A pool tries its rungs in the order given.
 *
 * @example
 * [Capacity.reserved({ id: 'cr-0a1b' }), Capacity.onDemand(), Capacity.spot()]
 */
export class Capacity {
  /** Capacity that was paid for in advance. @throws LNMT1002 unless exactly one of id and tags is given */
  static reserved(selector: ReservationSelector): Capacity {
    const given = [selector.id, selector.tags].filter((part) => part !== undefined).length;
    if (given !== 1) {
      throw new LnmtError('LNMT1002', undefined, {
        what: 'Capacity.reserved takes exactly one of id and tags',
        got: `${given} of them`,
        remedy: 'give the id of the reservation, or tags that select it',
      });
    }
    return new Capacity('reserved', { ...selector });
  }

  /** A reservation that is bought in blocks with an end date, e.g. an EC2 Capacity Block. */
  static block(id: string): Capacity {
    return new Capacity('reserved', { id: literal(undefined, 'Capacity.block id', id) }, true);
  }

  /** Ordinary capacity. */
  static onDemand(): Capacity {
    return new Capacity('on-demand');
  }

  /** Capacity that the cloud may take back at short notice. */
  static spot(): Capacity {
    return new Capacity('spot');
  }

  private constructor(
    /** The kind of this rung. */
    readonly kind: CapacityKind,
    /** Which reservation; absent unless `kind` is `reserved`. */
    readonly reservation?: ReservationSelector,
    /** True for a block with an end date. */
    readonly isBlock: boolean = false,
  ) {}
}
