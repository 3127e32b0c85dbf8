import { writeArgocd } from './argocd';
import type { FileTree } from './chart-files';
import type { Delivery } from './delivery';
import { writeDirect } from './direct';
import { writeExport } from './export';
import { writeFlux } from './flux';
import type { DeliveryInput } from './workloads';

/** Files that a writer adds to the synthesis folder. */
export interface DeliveryOutput {
  /** Relative to the folder of the stack. */
  readonly stackFiles: FileTree;
  /** Relative to the synthesis folder. */
  readonly sharedFiles: FileTree;
}

/** The last step of delivery: everything before it is the same in all modes. */
export type Writer = (input: DeliveryInput) => DeliveryOutput;

const WRITERS: Readonly<Record<Delivery['mode'], Writer>> = {
  direct: writeDirect,
  argocd: writeArgocd,
  flux: writeFlux,
  export: writeExport,
};

/** The writer of a mode. */
export function writerFor(mode: Delivery['mode']): Writer {
  return WRITERS[mode];
}
