import type { IConstruct } from 'constructs';
import { wrongCloud } from '../errors';
import type { RemovalPolicy } from '../stateful';
import type { CloudName } from './cloud';
import type { KubernetesParts } from './kubernetes-parts';

/** What every building block of a cloud has in common. */
export interface IBuildingBlock extends IConstruct {
  /** Cloud that it lives on. */
  readonly cloud: CloudName;
  /** What it brings into the cluster: nothing for most managed services. */
  readonly kubernetes: KubernetesParts;
}

/** Props that all stateful building blocks share. */
export interface StatefulProps {
  /**
   * Names of what the block is for, from the general to the particular, e.g. `['ml', 'models']`. Physical names and
   * pinned logical ids are made of them, so that moving the construct replaces nothing.
   */
  readonly naming: readonly string[];
  /** @default 'retain' */
  readonly onRemoval?: RemovalPolicy;
}

/** Checks that a block lives on the expected cloud. @throws LNMT1008 when it does not */
export function expectCloud<T extends IBuildingBlock>(
  scope: IConstruct,
  property: string,
  block: T,
  expected: CloudName,
): T {
  if (block.cloud !== expected) {
    throw wrongCloud(scope, property, { cloud: block.cloud, path: block.node.path }, expected);
  }
  return block;
}

/**
 * Whether a platform creates a building block, adopts one that exists, or goes without.
 *
 * @example
 * { cache: Block.off(), database: Block.create({ storageGiB: 200 }), network: Block.existing(vpc) }
 */
export class Block<TOptions, TBlock> {
  /** Create it, with these options over the defaults. */
  static create<TOptions, TBlock>(options: TOptions): Block<TOptions, TBlock> {
    return new Block<TOptions, TBlock>('create', options, undefined);
  }

  /** Adopt one that was created elsewhere or imported with a `fromXxx`. */
  static existing<TOptions, TBlock>(block: TBlock): Block<TOptions, TBlock> {
    return new Block<TOptions, TBlock>('existing', undefined, block);
  }

  /** Go without. */
  static off<TOptions, TBlock>(): Block<TOptions, TBlock> {
    return new Block<TOptions, TBlock>('off', undefined, undefined);
  }

  private constructor(
    /** Which of the three. */
    readonly kind: 'create' | 'existing' | 'off',
    /** Options of a block to create. */
    readonly options: TOptions | undefined,
    /** The adopted block. */
    readonly block: TBlock | undefined,
  ) {}
}
