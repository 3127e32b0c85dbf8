import type { IConstruct } from 'constructs';
import { INFERENCE_ENV, TLS_FILES, VOLUMES, VOLUME_NAMES } from '../../runtime/contract';
import { tlsVariableSet } from './errors';

/** The certificate that a server shows on its HTTP and gRPC ports. Metrics have a port of their own, which stays plain. */
export interface ServerTls {
  /**
   * Name of a Secret of the type `kubernetes.io/tls` in the namespace of the workload, as cert-manager writes them; may be
   * late-bound. Its certificate has to name the host by which callers reach the Service. The server follows it as it is
   * renewed, without a restart.
   */
  readonly secretName: string;
}

/** The settings that name certificate and key. */
export function tlsSettings(tls: ServerTls | undefined): Readonly<Record<string, string>> {
  if (tls === undefined) return {};
  return {
    [INFERENCE_ENV.tlsCertFile.name]: `${VOLUMES.tls}/${TLS_FILES.cert}`,
    [INFERENCE_ENV.tlsKeyFile.name]: `${VOLUMES.tls}/${TLS_FILES.key}`,
  };
}

/** The volume with certificate and key. A folder, not a subPath: only a folder is updated when they are renewed. */
export function tlsVolume({ secretName }: ServerTls): { readonly name: string; readonly secret: object } {
  const items = Object.values(TLS_FILES).map((file) => ({ key: file, path: file }));
  return { name: VOLUME_NAMES.tls, secret: { secretName, defaultMode: 0o440, items } };
}

/** What variables may not say of TLS. Authorities of clients need a certificate of the server beside them. */
function refused(tls: ServerTls | undefined): readonly string[] {
  const { tlsCertFile, tlsKeyFile, tlsClientCaFile } = INFERENCE_ENV;
  return [tlsCertFile.name, tlsKeyFile.name, ...(tls === undefined ? [tlsClientCaFile.name] : [])];
}

/** Holds variables to what volume and Service know. @throws LNMT3022 */
export function refuseTlsVariables(
  scope: IConstruct,
  tls: ServerTls | undefined,
  variables: Readonly<Partial<Record<'env' | 'secretEnv' | 'secretFiles', object | undefined>>>,
): void {
  for (const property of ['env', 'secretEnv', 'secretFiles'] as const) {
    const name = refused(tls).find((each) => each in (variables[property] ?? {}));
    if (name !== undefined) throw tlsVariableSet(scope, property, name);
  }
}
