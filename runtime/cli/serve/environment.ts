import { INFERENCE_ENV, toEnv } from '../../contract';
import type { EnvSettings } from '../../contract';
import { badInvocation } from '../errors';
import type { Access } from './access';
import type { ChosenPorts } from './place';
import type { TemporaryStore } from './temporary-store';

/** What the environment of a server is made of. */
export interface EnvironmentParts {
  /** Environment of whoever runs the command. */
  readonly caller: Readonly<Record<string, string | undefined>>;
  readonly host: string;
  readonly ports: ChosenPorts;
  readonly access: Access;
  readonly store: TemporaryStore;
  /** Sessions beside one another. @default - the server chooses */
  readonly workers?: string;
  /** Bytes that verified files may hold, unless the caller says another number. @default - no limit */
  readonly cacheBytes?: number;
}

/** Settings that the command decides; the caller's are left out, whether the command sets them or not. */
const DECIDED = [
  ...(['modelName', 'modelVersion', 'modelUri', 'modelsFile', 'modelRepository', 'modelCacheDir'] as const),
  ...(['bindAddress', 'httpPort', 'metricsPort', 'grpcPort', 'auth', 'authNoneReason', 'apiKeysDir'] as const),
] as const;
const TLS = ['tlsCertFile', 'tlsKeyFile', 'tlsClientCaFile'] as const;

/** The environment of a server: the caller's, with everything decided that says what is served, where, and to whom. */
export function serverEnvironment(parts: EnvironmentParts): Readonly<Record<string, string>> {
  const { caller, host, ports, access, store, workers, cacheBytes } = parts;
  const tls = TLS.find((key) => caller[INFERENCE_ENV[key].name]);
  if (tls !== undefined) {
    const remedy = 'unset it, or run lnmt-inference, which reads every setting from the environment';
    throw badInvocation('lnmt serve speaks plain HTTP', `${INFERENCE_ENV[tls].name} is set`, remedy);
  }
  const names = new Set<string>(DECIDED.map((key) => INFERENCE_ENV[key].name));
  const passed = Object.entries(caller).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && !names.has(entry[0]),
  );
  const defaults: EnvSettings<typeof INFERENCE_ENV> = {
    ...{ drainDelay: '0', logLevel: 'warn' },
    ...(cacheBytes === undefined ? {} : { modelCacheBytes: String(cacheBytes) }),
  };
  const decided: EnvSettings<typeof INFERENCE_ENV> = {
    ...{ modelsFile: store.modelsFile, modelCacheDir: store.cacheDir, bindAddress: host },
    ...{ httpPort: String(ports.http), metricsPort: String(ports.metrics) },
    ...(ports.grpc === undefined ? {} : { grpcPort: String(ports.grpc) }),
    ...(access.file === undefined ? { auth: 'none' } : { auth: 'api-keys', apiKeysDir: store.keysDir }),
    ...(workers === undefined ? {} : { workers }),
  };
  return {
    ...toEnv(INFERENCE_ENV, defaults),
    ...Object.fromEntries(passed),
    ...toEnv(INFERENCE_ENV, decided),
  };
}
