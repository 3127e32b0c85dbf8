import fs from 'node:fs';
import type { FastifyBaseLogger } from 'fastify';
import { INFERENCE_ENV } from '../contract';
import type { AccessControlOptions } from '../shared/access-control';
import { ApiKeyFile } from '../shared/api-key-file';
import { AuditLog } from '../shared/audit';
import { CedarPolicy } from '../shared/cedar-policy';
import { ClientCertificates } from '../shared/client-certificates';
import { StartError } from '../shared/errors';
import { JwtVerifier } from '../shared/jwt';
import type { TlsMaterial } from '../shared/tls';
import { TlsFollower } from '../shared/tls-follower';
import type { TlsChanges } from '../shared/tls-follower';
import { isLoopback } from './access-config';
import type { InferenceConfig } from './config';

/** Ways to prove oneself, and what is decided and written down. */
export interface AccessParts extends Pick<AccessControlOptions, 'keys' | 'tokens' | 'certificates' | 'policy'> {
  /** @default - none */
  readonly audit?: AuditLog | undefined;
  /** @default - none: connections are not encrypted */
  readonly tls?: TlsMaterial | undefined;
  /** Tells what comes in the place of `tls`. @default - nothing ever */
  readonly tlsChanges?: TlsChanges | undefined;
  /** Files that are followed as they change, by their name in metrics. @default - none */
  readonly followed?: Readonly<Record<string, { readonly refused: boolean }>>;
}

/** {@link AccessParts} from files, and how to let go of them. */
export interface OpenedAccess extends AccessParts {
  readonly close: () => Promise<void>;
}

async function readTokens(config: InferenceConfig): Promise<JwtVerifier | undefined> {
  const { jwtIssuer: issuer, jwtAudience: audience, jwtJwksUri, jwtAlgorithms: algorithms } = config;
  if (!config.auth.includes('jwt')) return undefined;
  if (issuer === undefined || audience === undefined || jwtJwksUri === undefined) return undefined;
  const scopesClaim = config.jwtScopesClaim;
  return JwtVerifier.create({ issuer, audience, jwksUri: new URL(jwtJwksUri), algorithms, scopesClaim });
}

async function readPolicy({ policyFile }: InferenceConfig): Promise<CedarPolicy | undefined> {
  if (policyFile === undefined) return undefined;
  let text: string;
  try {
    text = fs.readFileSync(policyFile, 'utf8');
  } catch (error) {
    throw new StartError('LNMT8104', `${policyFile} cannot be read`, error);
  }
  return CedarPolicy.create(text, INFERENCE_ENV.policyFile.name);
}

function openAudit(config: InferenceConfig, log: FastifyBaseLogger): AuditLog | undefined {
  const { auditFile: file, auditFileBytes: fileBytes, auditFiles: files } = config;
  if (file === undefined) return undefined;
  return new AuditLog({
    ...{ file, fileBytes, files, log },
    now: Date.now,
    anchor: (head) => log.info({ audit: head }, 'audit log'),
    failed: (error) => log.fatal({ err: error }, 'the audit log cannot be written any more'),
  });
}

/**
 * Opens what the settings say of access.
 *
 * @throws StartError, KeyFileError
 */
export async function openAccess(config: InferenceConfig, log: FastifyBaseLogger): Promise<OpenedAccess> {
  const { auth, bindAddress, authNoneReason: reason } = config;
  if (auth.includes('none') && !isLoopback(bindAddress)) {
    log.warn({ reason }, 'authentication is off and others can reach this server');
  }
  const tlsChanges = TlsFollower.open(config, log);
  const policy = await readPolicy(config);
  const tokens = await readTokens(config);
  const certificates = auth.includes('mtls') ? new ClientCertificates(config.mtlsScopes) : undefined;
  const audit = openAudit(config, log);
  const keys = auth.includes('api-keys') ? new ApiKeyFile(config.apiKeysDir, log) : undefined;
  const close = async (): Promise<void> => {
    keys?.close();
    tokens?.close();
    tlsChanges?.close();
    await audit?.close();
  };
  const followed = { ...(tlsChanges && { tls: tlsChanges }), ...(keys && { 'api-keys': keys }) };
  return { keys, tokens, certificates, policy, audit, tls: tlsChanges?.current, tlsChanges, followed, close };
}
