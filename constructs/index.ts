export * from './accelerators';
export * from './capacity';
export * from './checks';
export * from './cloud';
export * from './delivery';
export * from './endpoint-metrics';
export * from './errors';
export * from './gpu-stack';
export * from './gpu-training-cluster';
export * from './images';
export * from './inference-endpoint';
export * from './kserve-runtime';
export * from './layers';
export * from './lnmt-platform';
export * from './lnmt-platform-props';
export * from './model';
export * from './names';
export * from './scheduling';
export * from './select-shape';
export * from './stateful';
export * from './units';
export * from './versions';
export type { Addon, ChartReference, HelmValue, HelmValues, PodSecurityLevel } from './addons/addon';
export { Alerts, Auth, PodResources, Rollout, Scaling, SecretReference } from './kubernetes';
export type {
  AlertThresholds,
  AuditVolume,
  AuthMethod,
  ExecutionProvider,
  IngressRule,
  JwtAlgorithm,
  JwtOptions,
  ModelThresholds,
  ProbeIntervals,
  ScalingBehavior,
  ServerFiles,
  ServerTls,
  Spread,
} from './kubernetes';
