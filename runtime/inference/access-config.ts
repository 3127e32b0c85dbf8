import { isIP } from 'node:net';
import { INFERENCE_ENV } from '../contract';
import type { EnvValues } from '../shared/env';

/** Settings that say who may call. */
export type AccessSettings = Pick<
  EnvValues<typeof INFERENCE_ENV>,
  | 'auth'
  | 'authNoneReason'
  | 'bindAddress'
  | 'jwtIssuer'
  | 'jwtAudience'
  | 'jwtJwksUri'
  | 'tlsCertFile'
  | 'tlsKeyFile'
  | 'tlsClientCaFile'
>;

const ENV = INFERENCE_ENV;

/** True for addresses that only this machine reaches. */
export function isLoopback(address: string): boolean {
  if (address === 'localhost' || address === '::1' || address === '[::1]') return true;
  return isIP(address) === 4 && address.startsWith('127.');
}

function exposure({ auth, bindAddress, authNoneReason }: AccessSettings): string[] {
  if (!auth.includes('none')) return [];
  if (auth.length > 1) return [`${ENV.auth.name} is ${auth.join(',')}; none excludes the others`];
  if (isLoopback(bindAddress) || authNoneReason) return [];
  return [
    `${ENV.auth.name} is none and ${ENV.bindAddress.name} is ${bindAddress}, which others reach; ` +
      `use api-keys, bind to 127.0.0.1, or say in ${ENV.authNoneReason.name} why anyone may call`,
  ];
}

/** A key set that travels unencrypted can be replaced on its way. */
function isTrustedUrl(text: string): boolean {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return false;
  }
  if (url.username || url.password || url.hash) return false;
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname));
}

function tokens({ auth, jwtIssuer, jwtAudience, jwtJwksUri }: AccessSettings): string[] {
  if (!auth.includes('jwt')) return [];
  const missing = [
    [ENV.jwtIssuer, jwtIssuer],
    [ENV.jwtAudience, jwtAudience],
    [ENV.jwtJwksUri, jwtJwksUri],
  ] as const;
  const problems = missing.flatMap(([{ name }, value]) =>
    value === undefined ? [`${name} is not set; ${ENV.auth.name} with jwt needs it`] : [],
  );
  if (jwtJwksUri !== undefined && !isTrustedUrl(jwtJwksUri)) {
    problems.push(`${ENV.jwtJwksUri.name} is not an https URL without credentials`);
  }
  return problems;
}

function certificates({ auth, tlsCertFile, tlsKeyFile, tlsClientCaFile }: AccessSettings): string[] {
  const problems: string[] = [];
  if ((tlsCertFile === undefined) !== (tlsKeyFile === undefined)) {
    problems.push(`${ENV.tlsCertFile.name} and ${ENV.tlsKeyFile.name} go together; one of them is not set`);
  }
  if (tlsClientCaFile !== undefined && tlsCertFile === undefined) {
    problems.push(`${ENV.tlsClientCaFile.name} is set without ${ENV.tlsCertFile.name}`);
  }
  if (auth.includes('mtls') && tlsClientCaFile === undefined) {
    problems.push(`${ENV.tlsClientCaFile.name} is not set; ${ENV.auth.name} with mtls needs it`);
  }
  return problems;
}

/** What is wrong with the settings that say who may call; one sentence for each fault. */
export function accessProblems(settings: AccessSettings): readonly string[] {
  return [...exposure(settings), ...tokens(settings), ...certificates(settings)];
}
