import { Construct } from 'constructs';
import { refuseGap } from '../cloud/cloud';
import type { ContainerRegistryProps, IContainerRegistry } from '../cloud/container-registry';
import { NO_PARTS } from '../cloud/kubernetes-parts';
import type { DeploymentCheck } from '../cloud/kubernetes-parts';
import { expectHere, ONPREM } from './context';
import type { OnPremContext } from './context';

/** The registry that the site has, e.g. a Harbor project. Nothing is created: retention and scanning are its own. */
export class OnPremContainerRegistry extends Construct implements IContainerRegistry {
  readonly cloud = ONPREM;
  readonly kubernetes = NO_PARTS;
  readonly prefix: string;
  readonly loginCommand: string;

  /** @throws LNMT1007 where the site has none */
  constructor(scope: Construct, id: string, props: ContainerRegistryProps & OnPremContext) {
    const { gaps, registry } = props.site;
    if (registry === undefined) refuseGap({ name: ONPREM, gaps }, scope, 'container-registry');
    super(scope, id);
    expectHere(this, { encryptionKey: props.encryptionKey });
    this.prefix = registry.replace(/\/+$/, '');
    this.loginCommand = `docker login ${this.prefix.split('/')[0]}`;
  }

  /** Undefined: the registry may be out of reach of whoever deploys. */
  imageExists(): DeploymentCheck | undefined {
    return undefined;
  }
}
