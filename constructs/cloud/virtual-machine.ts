import type { IBuildingBlock } from './building-block';
import type { IEncryptionKey } from './encryption-key';
import type { INetwork } from './network';

/** Props of a virtual machine. */
export interface VirtualMachineProps {
  /** From the general to the particular, e.g. `['ml', 'bastion']`. */
  readonly naming: readonly string[];
  readonly network: INetwork;
  /** A bastion has no inbound port (the cloud's session service opens it); an edge gateway takes HTTPS from `ingressCidrs`. */
  readonly purpose: 'bastion' | 'edge-gateway';
  /** @default 2 */
  readonly vcpus?: number;
  /** Memory in GiB. @default 4 */
  readonly memoryGiB?: number;
  /** Size of the encrypted disk in GiB. @default 30 */
  readonly diskGiB?: number;
  /** Ranges that may reach HTTPS of an edge gateway. @default [] */
  readonly ingressCidrs?: readonly string[];
  /** @default - the cloud's own key */
  readonly encryptionKey?: IEncryptionKey;
}

/** A virtual machine in a private subnet. */
export interface IVirtualMachine extends IBuildingBlock {
  readonly privateAddress: string;
  /** Command that opens a session without a public address. */
  readonly connectCommand: string;
}
