import { DataAwsEcrImages } from '@cdktf/provider-aws/lib/data-aws-ecr-images';
import { EcrLifecyclePolicy } from '@cdktf/provider-aws/lib/ecr-lifecycle-policy';
import { EcrRepository } from '@cdktf/provider-aws/lib/ecr-repository';
import { Fn, Token } from 'cdktf';
import type { IConstruct } from 'constructs';
import { Construct } from 'constructs';
import { literal, wholeNumber } from '../checks';
import type { ContainerRegistryProps, IContainerRegistry } from '../cloud/container-registry';
import { NO_PARTS } from '../cloud/kubernetes-parts';
import type { DeploymentCheck } from '../cloud/kubernetes-parts';
import { legalName } from '../names';
import { stateful } from '../stateful';
import { AWS, accountIdOf, brand, dnsSuffixOf, expectBrand } from './context';
import type { AwsContext } from './context';
import { keyArnOf } from './encryption-key';
import { unusableRegistryPrefix, unusableRepository } from './errors-data';
import { AWS_DATA_NAMES } from './names-data';

const BRAND = Symbol.for('lnmt/aws/container-registry');
const REPOSITORY = /^[a-z0-9]+([._/-][a-z0-9]+)*$/;
const REGISTRY_PREFIX = /^(\d{12}\.dkr\.ecr(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?)\/\S*[^\s/]$/;

/** What `EcrRegistry.fromPrefix` needs to know. */
export interface ExistingRegistry {
  /** Prefix of image names, e.g. `123456789012.dkr.ecr.eu-west-1.amazonaws.com/ml`. */
  readonly registryPrefix: string;
}

/**
 * Repositories of Amazon ECR below one prefix: tags cannot be moved, images are scanned when pushed and encrypted, old
 * untagged ones expire.
 *
 * @see https://docs.aws.amazon.com/AmazonECR/latest/userguide/what-is-ecr.html
 */
export class EcrRegistry extends Construct implements IContainerRegistry {
  /** Adopts a registry. @throws LNMT2107 for a prefix that is not one of ECR, LNMT1004 for a token */
  static fromPrefix(scope: Construct, id: string, existing: ExistingRegistry): IContainerRegistry {
    return new ImportedRegistry(scope, id, existing);
  }

  /** Narrows a neutral registry. @throws LNMT1008 for another cloud's, LNMT2003 for one that is not of this folder */
  static expect(scope: IConstruct, registry: IContainerRegistry, property = 'containerRegistry'): IContainerRegistry {
    return expectBrand<IContainerRegistry & Construct>(scope, property, registry, BRAND, 'EcrRegistry');
  }

  readonly cloud = AWS;
  readonly kubernetes = NO_PARTS;
  readonly prefix: string;
  readonly loginCommand: string;
  private readonly repositoryPrefix: string;

  /** @throws LNMT2103 for a malformed or repeated repository name, LNMT1002 for `keepUntagged` below 1 */
  constructor(scope: Construct, id: string, props: ContainerRegistryProps & AwsContext) {
    super(scope, id);
    brand(this, BRAND);
    const keepUntagged = wholeNumber(this, 'keepUntagged', props.keepUntagged ?? 20, { min: 1, max: 10000 });
    const name = legalName(AWS_DATA_NAMES.repositoryPrefix, props.naming, this);
    this.repositoryPrefix = name;
    const host = `${accountIdOf(this)}.dkr.ecr.${props.region}.${dnsSuffixOf(props.region)}`;
    this.prefix = `${host}/${name}`;
    this.loginCommand = loginCommand(props.region, host);
    checkRepositories(this, props.repositories);
    for (const repository of props.repositories)
      this.repository(`${name}/${repository}`, repository, keepUntagged, props);
  }

  imageExists(scope: Construct, id: string, image: PushedImage, message: string): DeploymentCheck {
    return pushedImage(scope, id, `${this.repositoryPrefix}/${image.repository}`, image.digest, message);
  }

  private repository(name: string, short: string, keepUntagged: number, props: ContainerRegistryProps): void {
    const onRemoval = props.onRemoval ?? 'retain';
    const repository = new EcrRepository(this, `Repository-${short.replaceAll('/', '-')}`, {
      name,
      imageTagMutability: 'IMMUTABLE',
      imageScanningConfiguration: { scanOnPush: true },
      encryptionConfiguration: [{ encryptionType: 'KMS', kmsKey: keyArnOf(this, props.encryptionKey) }],
      forceDelete: onRemoval === 'destroy',
    });
    stateful(repository, [...props.naming, short], onRemoval);
    new EcrLifecyclePolicy(this, `Lifecycle-${short.replaceAll('/', '-')}`, {
      repository: repository.name,
      policy: JSON.stringify({
        rules: [
          {
            rulePriority: 1,
            description: `Keep the newest ${keepUntagged} untagged images`,
            selection: { tagStatus: 'untagged', countType: 'imageCountMoreThan', countNumber: keepUntagged },
            action: { type: 'expire' },
          },
        ],
      }),
    });
  }
}

class ImportedRegistry extends Construct implements IContainerRegistry {
  readonly cloud = AWS;
  readonly kubernetes = NO_PARTS;
  readonly prefix: string;
  readonly loginCommand: string;

  constructor(scope: Construct, id: string, existing: ExistingRegistry) {
    super(scope, id);
    brand(this, BRAND);
    const [, host, region] = REGISTRY_PREFIX.exec(literal(this, 'registryPrefix', existing.registryPrefix)) ?? [];
    if (host === undefined || region === undefined) throw unusableRegistryPrefix(this, existing.registryPrefix);
    this.prefix = existing.registryPrefix;
    this.loginCommand = loginCommand(region, host);
  }

  imageExists(scope: Construct, id: string, image: PushedImage, message: string): DeploymentCheck {
    const prefix = this.prefix.slice(this.prefix.indexOf('/') + 1);
    return pushedImage(scope, id, `${prefix}/${image.repository}`, image.digest, message);
  }
}

interface PushedImage {
  readonly repository: string;
  readonly digest: string;
}

// A look-up of one image fails in the provider's words when it is absent; the list lets the message be ours. A digest is
// found in the list as text: nothing else there has its form.
function pushedImage(
  scope: Construct,
  id: string,
  repositoryName: string,
  digest: string,
  message: string,
): DeploymentCheck {
  const images = new DataAwsEcrImages(scope, id, { repositoryName });
  return { condition: Token.asString(Fn.strcontains(Fn.jsonencode(images.imageIds), digest)), message };
}

function loginCommand(region: string, host: string): string {
  return `aws ecr get-login-password --region ${region} | docker login --username AWS --password-stdin ${host}`;
}

function checkRepositories(scope: IConstruct, repositories: readonly string[]): void {
  repositories.forEach((repository, index) => {
    if (!REPOSITORY.test(literal(scope, 'repositories', repository))) {
      throw unusableRepository(scope, repository, 'ECR does not accept');
    }
    if (repositories.indexOf(repository) < index) throw unusableRepository(scope, repository, 'is listed twice');
  });
}
