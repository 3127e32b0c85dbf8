import { BASE_ARGUMENTS, IMAGE_FEATURE_NAMES } from '../../contract';
import type { ImageFeature } from '../../contract';
import { badInvocation } from '../errors';
import { known } from './select';
import type { ImageChoice } from './select';

/** What a user says of images that are built. */
export interface BuildOptions {
  /** System below the server. @default - that of the flavour */
  readonly base?: string;
  /** List of features such as `s3,grpc`; an empty one is none. @default - those of the Dockerfile */
  readonly features?: string;
}

/** An image with a tag or a digest: which system an image has must not depend on the day. */
const BASE = /^[a-zA-Z0-9][\w.-]*(:\d+)?(\/[a-z0-9]+([._-]+[a-z0-9]+)*)*(:(?!latest$)[\w.-]+|@sha256:[0-9a-f]{64})$/;

function featuresOf(list: string): readonly ImageFeature[] {
  const names = list.split(',').map((name) => name.trim());
  return names
    .filter((name, index) => name !== '' && names.indexOf(name) === index)
    .map((name) => known(IMAGE_FEATURE_NAMES, '--features', name));
}

/**
 * What the Dockerfile of an image is told beside flavour and version.
 *
 * @throws LNMT6001 for a base without a tag, for a feature that there is none of, and for features of another image
 */
export function buildArguments(
  { name, flavour }: ImageChoice,
  { base, features }: BuildOptions,
): Readonly<Record<string, string>> {
  if (base !== undefined && !BASE.test(base)) {
    const remedy = 'write e.g. registry.example.com/base@sha256:… or registry.example.com/base:1.2';
    throw badInvocation('--base is no image with a tag or a digest', base, remedy);
  }
  if (features !== undefined && name !== 'inference') {
    throw badInvocation('--features is for the inference server', name, 'add --only inference');
  }
  return {
    ...(base === undefined ? {} : { [BASE_ARGUMENTS[flavour]]: base }),
    ...(features === undefined ? {} : { FEATURES: featuresOf(features).join(',') }),
  };
}
