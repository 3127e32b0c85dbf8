import type { Construct } from 'constructs';
import { refuseGap } from '../cloud/cloud';
import type { IVirtualMachine, VirtualMachineProps } from '../cloud/virtual-machine';
import { ONPREM } from './context';
import type { OnPremContext } from './context';

/** A gap: machines belong to the site. @throws LNMT1007 always */
export function onPremVirtualMachine(
  scope: Construct,
  _id: string,
  props: VirtualMachineProps & OnPremContext,
): IVirtualMachine {
  return refuseGap({ name: ONPREM, gaps: props.site.gaps }, scope, 'virtual-machine');
}
