import type { IConstruct } from 'constructs';
import type { Accelerator } from './accelerators';
import type { IContainerRegistry } from './cloud';
import { blockSwitchedOff, imageWithoutDigest, providerNotBundled } from './errors';
import type { Images, OwnImage } from './images';
import type { ExecutionProvider } from './kubernetes';
import { isLateBound } from './kubernetes/opaque';
import { BUNDLED_PROVIDERS } from '../runtime/contract';
import type { ImageFlavour } from '../runtime/contract';

/** What decides which image an endpoint runs. */
export interface EndpointImageProps {
  /** An image of one's own. @default - the bundled one */
  readonly image?: string;
  /** @default - 'cuda' with an accelerator, else 'cpu' */
  readonly executionProvider?: ExecutionProvider;
  /** @default - none */
  readonly accelerator?: Accelerator;
}

/** The image of an endpoint. */
export interface EndpointImage {
  readonly reference: string;
  readonly flavour: ImageFlavour;
  readonly provider: ExecutionProvider;
  /** What to look for in the registry of the platform; undefined for an image of another one. */
  readonly own: OwnImage | undefined;
}

/**
 * Chooses the image of an endpoint.
 *
 * @param registry that of the platform, where it has one
 * @throws LNMT1010 without a digest, LNMT1013 without images, LNMT1021 for a provider that the bundled one cannot load
 */
export function endpointImage(
  scope: IConstruct,
  props: EndpointImageProps,
  images: Images | undefined,
  registry: IContainerRegistry | undefined,
): EndpointImage {
  const { image, accelerator } = props;
  const provider = props.executionProvider ?? (accelerator === undefined ? 'cpu' : 'cuda');
  const flavour = provider === 'cuda' || provider === 'tensorrt' ? 'cuda' : 'cpu';
  if (image !== undefined) {
    if (!isLateBound(image) && !/@sha256:[0-9a-f]{64}$/.test(image)) throw imageWithoutDigest(scope, image);
    return { reference: image, flavour, provider, own: undefined };
  }
  const bundled: readonly ExecutionProvider[] = BUNDLED_PROVIDERS[flavour];
  if (!bundled.includes(provider)) throw providerNotBundled(scope, provider, BUNDLED_PROVIDERS.cuda);
  if (images === undefined) throw blockSwitchedOff(scope, 'images', 'an inference endpoint');
  const reference = images.reference(scope, 'inference', flavour, registry);
  return { reference, flavour, provider, own: images.own('inference', flavour) };
}
