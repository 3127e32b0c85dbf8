import type { IBuildingBlock, StatefulProps } from './building-block';

/** Options of a key that users choose. */
export interface EncryptionKeyOptions {
  /** Days between rotations, 90 to 2560. @default 365 */
  readonly rotationDays?: number;
}

/** Props of an encryption key. */
export interface EncryptionKeyProps extends EncryptionKeyOptions, StatefulProps {
  /** What it protects, for people. */
  readonly description: string;
}

/** A key of the customer that rotates by itself. */
export interface IEncryptionKey extends IBuildingBlock {
  /** The cloud's identifier of the key (ARN, resource id); may be a token. */
  readonly keyId: string;
}
