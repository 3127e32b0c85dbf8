import { EXTERNAL_SECRETS } from '../addons/external-secrets';
import { legalName } from '../names';
import { serverUrl } from './server-url';

/** Options of {@link OnPremSecrets.vault}. */
export interface VaultOptions {
  /** URL of Vault or OpenBao, e.g. `https://vault.example.com:8200`. */
  readonly server: string;
  /** Mount of the key-value engine, version 2. @default 'secret' */
  readonly path?: string;
  /** Role of the Kubernetes auth method: it allows reading below the platform's prefix and no more. */
  readonly role: string;
  /** Mount of the Kubernetes auth method. @default 'kubernetes' */
  readonly mountPath?: string;
  /** Base64 PEM of the authority that signed the server's certificate. @default - the public ones */
  readonly caBundle?: string;
}

/** One part of a key: four of them fit into the name of a Kubernetes Secret. */
const PART = { maxLength: 60, letterFirst: false };

/** Service account that reads Kubernetes Secrets for External Secrets. */
export const SECRET_READER = 'lnmt-secret-reader';

/**
 * Where the values of secrets are: people write them there, External Secrets reads them. A secret has named fields; one
 * that is a single value has it in the field `value`.
 */
export class OnPremSecrets {
  /** Kubernetes Secrets of one namespace, which only External Secrets reads. @default namespace 'lnmt-secrets' */
  static kubernetes(options: { readonly namespace?: string } = {}): OnPremSecrets {
    const { namespace = 'lnmt-secrets' } = options;
    return new OnPremSecrets('kubernetes', namespace, {
      kubernetes: {
        remoteNamespace: namespace,
        server: { caProvider: { type: 'ConfigMap', name: 'kube-root-ca.crt', namespace, key: 'ca.crt' } },
        auth: { serviceAccount: { name: SECRET_READER, namespace } },
      },
    });
  }

  /**
   * HashiCorp Vault or OpenBao, through its Kubernetes auth method: no credential is stored anywhere.
   *
   * @see https://external-secrets.io/latest/provider/hashicorp-vault/
   * @throws LNMT2305 when `server` is no URL
   */
  static vault(options: VaultOptions): OnPremSecrets {
    const { namespace, serviceAccountName: name } = EXTERNAL_SECRETS;
    return new OnPremSecrets('vault', undefined, {
      vault: {
        server: serverUrl('OnPremSecrets.vault server', options.server).origin,
        path: options.path ?? 'secret',
        version: 'v2',
        ...(options.caBundle === undefined ? {} : { caBundle: options.caBundle }),
        auth: {
          kubernetes: {
            mountPath: options.mountPath ?? 'kubernetes',
            role: options.role,
            serviceAccountRef: { name, namespace },
          },
        },
      },
    });
  }

  private constructor(
    /** Which of the two. */
    readonly kind: 'kubernetes' | 'vault',
    /** Namespace of the Secrets; absent for Vault. */
    readonly namespace: string | undefined,
    /** `spec.provider` of the ClusterSecretStore. */
    readonly provider: Readonly<Record<string, object>>,
  ) {}

  /** Key of a secret: the name of a Kubernetes Secret (`ml.api-keys`), or a path in Vault (`ml/api-keys`). */
  key(naming: readonly string[]): string {
    const parts = naming.map((part) => legalName(PART, [part]));
    return parts.join(this.kind === 'kubernetes' ? '.' : '/');
  }
}

/** Field of a secret that is a single value. */
export const SECRET_VALUE_FIELD = 'value';
