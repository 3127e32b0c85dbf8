import { Construct } from 'constructs';
import { NO_PARTS } from '../cloud/kubernetes-parts';
import type { INetwork, NetworkProps } from '../cloud/network';
import { ONPREM } from './context';
import type { OnPremContext } from './context';
import { networkIsAdopted } from './errors';

/** The network that the nodes are in. Nothing is created: its range is what policies are written with. */
export class OnPremNetwork extends Construct implements INetwork {
  readonly cloud = ONPREM;
  readonly kubernetes = NO_PARTS;
  readonly cidr: string;

  /** @throws LNMT2302 for a range that is not the adopted one */
  constructor(scope: Construct, id: string, props: NetworkProps & OnPremContext) {
    super(scope, id);
    const { cidr } = props.site;
    if (props.cidr !== undefined && props.cidr !== cidr) throw networkIsAdopted(this, props.cidr, cidr);
    this.cidr = cidr;
  }
}
