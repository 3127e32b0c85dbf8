import type { IConstruct } from 'constructs';
import type { ImageFlavour, ImageName } from '../runtime/contract';
import { imageKey } from '../runtime/contract';
import type { IContainerRegistry } from './cloud';
import { LnmtError, blockSwitchedOff, missingImageDigest } from './errors';
import { isLateBound } from './kubernetes/opaque';

/** Digests by image: `inference`, `inference-cuda`, `training`, `training-cuda`. `lnmt images push` prints such a table. */
export type ImageDigests = Readonly<Record<string, string>>;

/**
 * The bundled images in a registry. They run by digest, so that what was scanned and signed is what runs.
 *
 * @example
 * Images.from('registry.example.com/lnmt', { inference: 'sha256:…' })
 */
export class Images {
  /**
   * @param registry prefix of the image names, without a slash at the end; may be late-bound
   * @param digests digest of each image that is used; may be late-bound
   * @throws LNMT1010 for a literal that is no digest
   */
  static from(registry: string, digests: ImageDigests): Images {
    checkDigests(digests);
    return new Images(registry.replace(/\/+$/, ''), digests);
  }

  /**
   * The bundled images in the platform's own registry, so that neither its address nor an account id is in the program.
   *
   * @param digests digest of each image that is used; may be late-bound
   * @throws LNMT1010 for a literal that is no digest
   */
  static fromPlatform(digests: ImageDigests): Images {
    checkDigests(digests);
    return new Images(undefined, digests);
  }

  private constructor(
    /** Prefix of the image names; undefined for the registry of the platform. */
    readonly registry: string | undefined,
    private readonly digests: ImageDigests,
  ) {}

  /**
   * Full reference of an image, `registry/name@digest`.
   *
   * @param own registry of the platform, where it has one
   * @throws LNMT1010 when no digest was given for it, LNMT1013 when a platform without a registry should hold it
   */
  reference(scope: IConstruct, name: ImageName, flavour: ImageFlavour, own?: IContainerRegistry): string {
    const key = imageKey(name, flavour);
    const digest = this.digests[key];
    if (digest === undefined) throw missingImageDigest(scope, key, Object.keys(this.digests).sort());
    const prefix = this.registry ?? own?.prefix;
    if (prefix === undefined) throw blockSwitchedOff(scope, 'registry', 'Images.fromPlatform');
    return `${prefix}/${key}@${digest}`;
  }

  /** What to look for in the platform's own registry; undefined for images of another one, or without a digest. */
  own(name: ImageName, flavour: ImageFlavour): OwnImage | undefined {
    const repository = imageKey(name, flavour);
    const digest = this.digests[repository];
    return this.registry === undefined && digest !== undefined ? { repository, digest } : undefined;
  }
}

/** An image of the platform's own registry, as its check needs it. */
export interface OwnImage {
  /** Repository below the prefix of the registry. */
  readonly repository: string;
  readonly digest: string;
}

function checkDigests(digests: ImageDigests): void {
  for (const [key, digest] of Object.entries(digests)) {
    if (!isLateBound(digest) && !/^sha256:[0-9a-f]{64}$/.test(digest)) {
      throw new LnmtError('LNMT1010', undefined, {
        what: `images.${key} is not a digest`,
        got: JSON.stringify(digest),
        allowed: 'sha256:<64 hexadecimal digits>',
        remedy: 'pass the digests that `lnmt images push` prints',
      });
    }
  }
}
