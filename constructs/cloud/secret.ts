import { LABELS } from '../../runtime/contract';
import type { IBuildingBlock, StatefulProps } from './building-block';
import type { IEncryptionKey } from './encryption-key';
import type { ICluster } from './cluster';

/** Props of a secret. Its value is never part of a program or a state: people or rotation write it. */
export interface SecretProps extends StatefulProps {
  /** What it is, for people. */
  readonly description: string;
  /** @default - the cloud's own key */
  readonly encryptionKey?: IEncryptionKey;
}

/** A secret in the cloud's secret manager. */
export interface ISecret extends IBuildingBlock {
  /** Key under which External Secrets finds it; may be a token. */
  readonly externalKey: string;
}

/** Name of the ClusterSecretStore that a platform offers, the same on every target. */
export const SECRET_STORE = 'lnmt';

/** Options of the join that users choose. */
export interface SecretStoreOptions {
  /**
   * Namespaces beside those of the platform whose ExternalSecrets may read from it: each may read all that the platform may.
   * Namespaces with the label `lnmt.dev/platform` of the platform's name may, too.
   *
   * @default []
   */
  readonly namespaces?: readonly string[];
}

/** Props of the join between the cloud's secret manager and the cluster. */
export interface SecretStoreProps extends SecretStoreOptions {
  readonly cluster: ICluster;
  /** Name of the platform, whose namespaces may use the store. */
  readonly platform: string;
  /** Secrets whose names begin with these parts may be read, and no others. */
  readonly naming: readonly string[];
  /** Key that the secrets are encrypted with. @default - the cloud's own key */
  readonly encryptionKey?: IEncryptionKey;
}

/**
 * Who may use the store: `spec.conditions` of the ClusterSecretStore, of which one has to hold.
 *
 * @param platform whose namespaces may use it: delivery puts the label on all that a platform makes
 * @see https://external-secrets.io/latest/api/clustersecretstore/
 */
export function secretStoreConditions(platform: string, namespaces: readonly string[] = []): readonly object[] {
  const own = { namespaceSelector: { matchLabels: { [LABELS.platform]: platform } } };
  const named = [...new Set(namespaces)].sort();
  return [own, ...(named.length > 0 ? [{ namespaces: named }] : [])];
}

/** The External Secrets operator bound to the cloud's secret manager, read-only, as ClusterSecretStore {@link SECRET_STORE}. */
export interface ISecretStore extends IBuildingBlock {
  /** Name of the ClusterSecretStore. */
  readonly storeName: string;
  /** Full key of a secret by its short name, e.g. `api-keys` → `ml/api-keys`. */
  externalKey(name: string): string;
  /** Field that holds a secret with a single value, where secrets of the manager are maps of fields. @default - the whole secret */
  readonly valueField?: string;
}
