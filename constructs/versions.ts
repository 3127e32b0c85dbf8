import type { IConstruct } from 'constructs';
import { unsupportedKubernetesVersion } from './errors';

/** Kubernetes minors that LNMT writes for. */
export const KUBERNETES_VERSIONS = ['1.34', '1.35', '1.36', '1.37'] as const;

/** One of {@link KUBERNETES_VERSIONS}. */
export type KubernetesVersion = (typeof KUBERNETES_VERSIONS)[number];

/** The minor that a platform gets when none is asked for. */
export const DEFAULT_KUBERNETES_VERSION: KubernetesVersion = '1.36';

/** Checks a version. @throws LNMT1005 for any other than {@link KUBERNETES_VERSIONS} */
export function kubernetesVersion(value: string | undefined, scope?: IConstruct): KubernetesVersion {
  if (value === undefined) return DEFAULT_KUBERNETES_VERSION;
  const found = KUBERNETES_VERSIONS.find((version) => version === value);
  if (found === undefined) throw unsupportedKubernetesVersion(scope, value, KUBERNETES_VERSIONS);
  return found;
}

/** Version ranges of Terraform providers, in place of the exact pins that cdktf writes. */
export const PROVIDER_RANGES = {
  aws: '>= 6.25.0, < 7.0.0',
  helm: '>= 3.1.1, < 4.0.0',
  kubernetes: '>= 2.38.0, < 3.0.0',
} as const;

/** Terraform's own range: write-only arguments need 1.11. */
export const TERRAFORM_RANGE = '>= 1.11.0';
