import type { Construct } from 'constructs';
import type { IBuildingBlock, StatefulProps } from './building-block';
import type { IEncryptionKey } from './encryption-key';
import type { DeploymentCheck } from './kubernetes-parts';

/** Props of a container registry. */
export interface ContainerRegistryProps extends StatefulProps {
  /** Repositories below the prefix, e.g. `inference`. */
  readonly repositories: readonly string[];
  /** Untagged images that are kept. @default 20 */
  readonly keepUntagged?: number;
  /** @default - the cloud's own key */
  readonly encryptionKey?: IEncryptionKey;
}

/** A registry with immutable tags that scans on push. */
export interface IContainerRegistry extends IBuildingBlock {
  /** Prefix of image names, without a slash at the end; may be a token. */
  readonly prefix: string;
  /** Command that logs a container client in. */
  readonly loginCommand: string;
  /**
   * A check that an image is there when Terraform plans; undefined where the target cannot be asked.
   *
   * @param image repository below the prefix, and digest (`sha256:…`, may be late-bound)
   */
  imageExists(
    scope: Construct,
    id: string,
    image: { readonly repository: string; readonly digest: string },
    message: string,
  ): DeploymentCheck | undefined;
}
