import type { IConstruct } from 'constructs';
import { INFERENCE_ENV, LABELS, PORTS, SHUTDOWN, VOLUMES, toEnv } from '../../runtime/contract';
import { checkLogFiles } from './audit-log';
import { executionMismatch, signersUnnamed, variableSetTwice } from './errors';
import type { ExecutionProvider, InferenceWorkloadProps } from './inference-workload-props';
import { modelBudgets } from './model-budgets';
import { lateBoundParts, literalHash } from './opaque';
import { secretFileSettings } from './secret-files';
import { fileSettings } from './server-files';
import { refuseTlsVariables, tlsSettings } from './server-tls';

/** What follows from the props. */
function ownSettings(scope: IConstruct, props: InferenceWorkloadProps): Record<string, string> {
  const settings = toEnv(INFERENCE_ENV, {
    modelName: props.model.name,
    modelVersion: props.model.version,
    modelUri: props.storeUri,
    modelCacheDir: VOLUMES.modelCache,
    bindAddress: '0.0.0.0',
    httpPort: String(PORTS.http),
    metricsPort: String(PORTS.metrics),
    grpcPort: props.grpc ? String(PORTS.grpc) : undefined,
    auth: props.auth.kind,
    authNoneReason: props.auth.reason,
    jwtIssuer: props.auth.jwt?.issuer,
    jwtAudience: props.auth.jwt?.audience,
    jwtJwksUri: props.auth.jwt?.jwksUri,
    jwtAlgorithms: props.auth.jwt?.algorithms?.join(','),
    jwtScopesClaim: props.auth.jwt?.scopesClaim,
    apiKeysDir: props.auth.secret ? VOLUMES.apiKeys : undefined,
    executionProvider: executionProviderOf(scope, props),
    allowCpuFallback: props.allowCpuFallback ? 'true' : undefined,
    ...modelBudgets(props),
    drainDelay: String(SHUTDOWN.drainDelay),
    grace: String(props.graceSeconds ?? SHUTDOWN.grace),
  });
  const open = { ...settings, ...fileSettings(props.files), ...tlsSettings(props.tls) };
  const secret = secretFileSettings(scope, props.secretFiles);
  const twice = Object.keys(secret).find((name) => name in open);
  if (twice !== undefined) throw variableSetTwice(scope, 'secretFiles', twice, 'files');
  return { ...open, ...secret };
}

/** The settings of the server that are not secret, as environment variables. @throws LNMT3005, LNMT3008, LNMT3021 to LNMT3024 */
export function inferenceConfig(scope: IConstruct, props: InferenceWorkloadProps): Record<string, string> {
  refuseTlsVariables(scope, props.tls, props);
  checkLogFiles(scope, props.auditLog, props.env);
  const own = ownSettings(scope, props);
  const env = props.env ?? {};
  const { grpcPort } = INFERENCE_ENV;
  // Neither the Service nor the network policy would have it.
  if (grpcPort.name in env) throw variableSetTwice(scope, 'env', grpcPort.name, 'grpc');
  for (const name of Object.keys(env)) {
    if (name in own) throw variableSetTwice(scope, 'env', name, 'InferenceWorkload');
  }
  for (const name of Object.keys(props.secretEnv ?? {})) {
    if (name in own) throw variableSetTwice(scope, 'secretEnv', name, 'InferenceWorkload');
    if (name in env) throw variableSetTwice(scope, 'secretEnv', name, 'env');
  }
  const { name: signers } = INFERENCE_ENV.signatureKeylessIdentities;
  if (props.files?.signatureTrustedRoot !== undefined && !env[signers]) throw signersUnnamed(scope, signers);
  return { ...own, ...env };
}

/** Annotations that make a changed configuration replace the pods, which read it only when they start. */
export function configAnnotations(config: Readonly<Record<string, string>>): Record<string, string> {
  // Only the parts that are late-bound: annotations hold 256 KiB, and a file may have a megabyte.
  const lateBound = Object.entries(config)
    .map(([name, value]): [string, readonly string[]] => [name, [...new Set(lateBoundParts(value))]])
    .filter(([, parts]) => parts.length > 0)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, parts]) => `${name}=${parts.join(',')}`);
  return {
    [LABELS.configHash]: literalHash(config),
    ...(lateBound.length > 0 ? { [LABELS.lateBoundConfig]: lateBound.join('; ') } : {}),
  };
}

/** Settings that name files which the server follows as they change. */
const FOLLOWED = [
  'tlsCertFile',
  'apiKeysDir',
  'upstreamCaFile',
  'upstreamCertFile',
  'upstreamKeyFile',
  'telemetryCaFile',
  'telemetryTokenFile',
] as const;

/** What there is to watch of a server with these settings beside its models. */
export function watchedFeatures(
  config: Readonly<Record<string, string>>,
  { auditLog }: Pick<InferenceWorkloadProps, 'auditLog'>,
): { readonly audits: boolean; readonly followsFiles: boolean } {
  return {
    audits: auditLog !== undefined || INFERENCE_ENV.auditFile.name in config,
    followsFiles: FOLLOWED.some((setting) => INFERENCE_ENV[setting].name in config),
  };
}

function executionProviderOf(scope: IConstruct, props: InferenceWorkloadProps): ExecutionProvider {
  const { accelerator } = props;
  const provider = props.executionProvider ?? (accelerator ? 'cuda' : 'cpu');
  const needsCuda = provider === 'cuda' || provider === 'tensorrt';
  const flavour = props.imageFlavour ?? (needsCuda ? 'cuda' : 'cpu');
  const idle = accelerator !== undefined && provider === 'cpu';
  if (idle || (needsCuda && (flavour !== 'cuda' || accelerator === undefined))) {
    throw executionMismatch(scope, {
      executionProvider: provider,
      imageFlavour: flavour,
      accelerator: accelerator ? `${accelerator.count} x ${accelerator.resourceName}` : 'none',
    });
  }
  return provider;
}
