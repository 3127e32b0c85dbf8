export { Delivery } from './delivery';
export type { DeliveryIndex, DirectDeliveryOptions, GitRepository, ReleaseIndexEntry } from './delivery';
export { DELIVERY_INDEX, EXPORT_FOLDER, GITOPS_FOLDER, VALUES_OUTPUT } from './delivery';
export { expandTemplate } from './template';
export { Synthesis } from './synthesis';
export { Workloads } from './workloads';
export type { WorkloadsProps } from './workloads';
export { KUBECONFIG_VARIABLE } from './helm';
