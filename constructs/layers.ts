/**
 * Delivery layers, in the order in which they are installed; removal is the reverse.
 *
 * - `00-crds`: pinned custom resource definitions, kept on uninstall;
 * - `10-operators`: the charts of others;
 * - `20-platform`: issuers, stores, node pools, queues, databases, policies, namespaces;
 * - `30-apps`: endpoints, training, what users add.
 */
export const LAYERS = ['00-crds', '10-operators', '20-platform', '30-apps'] as const;

/** One of {@link LAYERS}. */
export type Layer = (typeof LAYERS)[number];
