import type { IConstruct } from 'constructs';
import type { ImageFlavour, ImageName } from '../runtime/contract';
import { imageKey } from '../runtime/contract';
import { LnmtError, missingImageDigest } from './errors';
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
    return new Images(registry.replace(/\/+$/, ''), digests);
  }

  private constructor(
    /** Prefix of the image names. */
    readonly registry: string,
    private readonly digests: ImageDigests,
  ) {}

  /** Full reference of an image, `registry/name@digest`. @throws LNMT1010 when no digest was given for it */
  reference(scope: IConstruct, name: ImageName, flavour: ImageFlavour): string {
    const key = imageKey(name, flavour);
    const digest = this.digests[key];
    if (digest === undefined) throw missingImageDigest(scope, key, Object.keys(this.digests).sort());
    return `${this.registry}/${key}@${digest}`;
  }
}
