import fs from 'node:fs';
import path from 'node:path';
import { IMAGES, imageKey } from '../../contract';
import type { ImageFlavour, ImageName } from '../../contract';
import { badInvocation, sourcesMissing } from '../errors';
import { ownRoot } from '../own-package';

/** One image to build or push. */
export interface ImageChoice {
  readonly name: ImageName;
  readonly flavour: ImageFlavour;
  /** Its entry in the digest table, which is also its repository below the registry prefix. */
  readonly key: string;
  readonly dockerfile: string;
}

/** Which images a user asks for. */
export interface ImageSelection {
  readonly only?: string;
  readonly flavour: string;
}

const NAMES = Object.keys(IMAGES) as ImageName[];

/** The images of a selection. @throws LNMT6001 for a name or flavour that there is not */
export function selectImages({ only, flavour }: ImageSelection): readonly ImageChoice[] {
  const names = only === undefined ? NAMES : only.split(',').map((name) => known(NAMES, '--only', name.trim()));
  return names.flatMap((name) => {
    const { dockerfile, flavours } = IMAGES[name];
    const chosen = known<ImageFlavour>(flavours, '--flavour', flavour);
    return [{ name, flavour: chosen, key: imageKey(name, chosen), dockerfile }];
  });
}

/** The choice that a value names. @throws LNMT6001 for none */
export function known<T extends string>(all: readonly T[], option: string, value: string): T {
  const found = all.find((candidate) => candidate === value);
  if (found !== undefined) return found;
  throw badInvocation(`${option} names nothing that there is`, value, `name one of ${all.join(', ')}`);
}

/** The folder with the sources: the given one, else the repository that this command lies in. */
export function buildContext(cwd: string, option: string | undefined): string {
  return option === undefined ? ownRoot() : path.resolve(cwd, option);
}

/**
 * Leaves out images whose sources are not in the context, unless they were asked for by name.
 *
 * @throws LNMT6011 when that leaves nothing, or for an image that was asked for
 */
export function withSources(images: readonly ImageChoice[], context: string, asked: boolean): readonly ImageChoice[] {
  const present = images.filter(({ dockerfile }) => fs.existsSync(path.join(context, dockerfile)));
  const absent = images.find((image) => !present.includes(image));
  if (absent !== undefined && (asked || present.length === 0)) {
    throw sourcesMissing(absent.key, path.join(context, absent.dockerfile));
  }
  return present;
}
