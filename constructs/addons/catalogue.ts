import type { ChartReference } from './addon';

/**
 * Every chart that LNMT installs, at exactly one version: the only place where a version is written. Versions were read
 * from the projects' own repositories in August 2026; where the reference of a version is another date, it stands beside.
 */
export const CATALOGUE = {
  argoCd: { repository: 'https://argoproj.github.io/argo-helm', name: 'argo-cd', version: '10.1.1' },
  awsEfaDevicePlugin: {
    repository: 'https://aws.github.io/eks-charts',
    name: 'aws-efa-k8s-device-plugin',
    version: 'v0.5.30',
  },
  awsFsxCsiDriver: {
    repository: 'https://kubernetes-sigs.github.io/aws-fsx-csi-driver',
    name: 'aws-fsx-csi-driver',
    version: '1.17.0',
  },
  barmanCloudPlugin: {
    repository: 'https://cloudnative-pg.github.io/charts',
    name: 'plugin-barman-cloud',
    version: '0.7.0',
  },
  certManager: { repository: 'oci://quay.io/jetstack/charts', name: 'cert-manager', version: 'v1.21.1' },
  cloudNativePg: {
    repository: 'https://cloudnative-pg.github.io/charts',
    name: 'cloudnative-pg',
    version: '0.29.0',
  },
  csiDriverNfs: {
    repository: 'https://kubernetes-csi.github.io/csi-driver-nfs',
    name: 'csi-driver-nfs',
    version: '4.13.4',
  },
  externalSecrets: { repository: 'https://charts.external-secrets.io', name: 'external-secrets', version: '2.9.0' },
  flux: { repository: 'https://fluxcd-community.github.io/helm-charts', name: 'flux2', version: '2.18.3' },
  gpuOperator: { repository: 'https://helm.ngc.nvidia.com/nvidia', name: 'gpu-operator', version: 'v26.7.0' },
  karpenter: { repository: 'oci://public.ecr.aws/karpenter', name: 'karpenter', version: '1.14.1' },
  karpenterCrd: { repository: 'oci://public.ecr.aws/karpenter', name: 'karpenter-crd', version: '1.14.1' },
  kserve: { repository: 'oci://ghcr.io/kserve/charts', name: 'kserve', version: 'v0.20.0' },
  kserveCrd: { repository: 'oci://ghcr.io/kserve/charts', name: 'kserve-crd', version: 'v0.20.0' },
  kubePrometheusStack: {
    repository: 'https://prometheus-community.github.io/helm-charts',
    name: 'kube-prometheus-stack',
    version: '88.5.3',
  },
  kueue: { repository: 'oci://registry.k8s.io/kueue/charts', name: 'kueue', version: '0.19.2' },
  metricsServer: {
    repository: 'https://kubernetes-sigs.github.io/metrics-server',
    name: 'metrics-server',
    version: '3.13.1',
  },
  mongodbKubernetes: {
    repository: 'https://mongodb.github.io/helm-charts',
    name: 'mongodb-kubernetes',
    version: '1.9.1',
  },
  prometheusAdapter: {
    repository: 'https://prometheus-community.github.io/helm-charts',
    name: 'prometheus-adapter',
    version: '5.3.0',
  },
  prometheusOperatorCrds: {
    repository: 'https://prometheus-community.github.io/helm-charts',
    name: 'prometheus-operator-crds',
    version: '31.0.1',
  },
  velero: { repository: 'https://vmware-tanzu.github.io/helm-charts', name: 'velero', version: '12.1.0' },
} as const satisfies Record<string, ChartReference>;

/** Images that add-ons need beside those of their own charts, pinned in the same place. */
export const ADDON_IMAGES = {
  /** Object-store plugin of Velero for S3 and S3-compatible stores; its minor follows Velero 1.18. */
  veleroPluginForAws: 'docker.io/velero/velero-plugin-for-aws:v1.14.2',
} as const;
