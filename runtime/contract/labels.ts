/** Labels and annotations that LNMT writes and selects on. */
export const LABELS = {
  /** Name of the application. @see https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/ */
  name: 'app.kubernetes.io/name',
  /** Unique name of one instance of an application. */
  instance: 'app.kubernetes.io/instance',
  /** Role inside the architecture: `inference`, `training`, `management`. */
  component: 'app.kubernetes.io/component',
  /** Name of the higher-level application. */
  partOf: 'app.kubernetes.io/part-of',
  /** Tool that manages the object: always `lnmt`. */
  managedBy: 'app.kubernetes.io/managed-by',
  /** Delivery layer that the object belongs to. */
  layer: 'lnmt.dev/layer',
  /** Platform that owns the object. */
  platform: 'lnmt.dev/platform',
  /** Neutral accelerator name, e.g. `nvidia-h100-80gb`. */
  accelerator: 'lnmt.dev/accelerator',
  /** Node pool that a node belongs to; the same on every target. */
  nodePool: 'lnmt.dev/node-pool',
  /** Model that an endpoint serves. */
  model: 'lnmt.dev/model',
  /** Version of that model. */
  modelVersion: 'lnmt.dev/model-version',
  /** Why a namespace admits pods that are not restricted; an annotation. */
  podSecurityReason: 'lnmt.dev/pod-security-reason',
  /** Annotation of a pod: hash of its configuration as far as synthesis knows it, so that a change replaces pods. */
  configHash: 'lnmt.dev/config-hash',
  /** Annotation of a pod: the settings that are known only at deployment, for the same purpose. */
  lateBoundConfig: 'lnmt.dev/late-bound-config',
  /** Annotation of a Deployment: features that its image must have, e.g. `s3,policies`, as `lnmt images build --features` takes them. */
  imageFeatures: 'lnmt.dev/image-features',
  /** Marks a ConfigMap that the Grafana of kube-prometheus-stack shows as a dashboard. */
  dashboard: 'grafana_dashboard',
} as const;

/** Value of {@link LABELS.dashboard}. */
export const DASHBOARD_MARK = '1';

/** Value of {@link LABELS.managedBy}. */
export const MANAGED_BY = 'lnmt';

/** Values of {@link LABELS.component}. */
export const COMPONENTS = { inference: 'inference', training: 'training', management: 'management' } as const;
