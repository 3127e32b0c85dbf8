import type { IConstruct } from 'constructs';
import { LnmtError } from '../errors';
import type { ErrorTable } from '../errors';

/** Codes of the Kubernetes half: workloads, namespaces, queues and databases. */
export const KUBERNETES_ERRORS = {
  LNMT3000: {
    title: 'a name is not a Kubernetes name',
    explanation:
      'Names of objects are DNS labels: lower-case letters, digits and hyphens, a letter first, with room for the suffix that pods get.',
  },
  LNMT3001: {
    title: 'a fixed scaling has no metrics',
    explanation: 'Scaling.fixed keeps one number of replicas, so there is nothing for a metric to decide.',
  },
  LNMT3002: {
    title: 'a rollout cannot make progress',
    explanation: 'With neither a spare pod nor a missing one allowed, no pod can ever be replaced.',
  },
  LNMT3003: {
    title: 'a quantity is malformed',
    explanation: 'Quantities are a number with an optional suffix, e.g. 500m, 2, 1Gi, written as a string.',
  },
  LNMT3004: {
    title: 'a request is above its limit',
    explanation: 'The API server refuses a container that asks for more than it may use.',
  },
  LNMT3005: {
    title: 'an environment variable is set twice',
    explanation:
      'Variables of the contract are derived from props; a second value for one of them would be ignored or win silently.',
  },
  LNMT3006: {
    title: 'a network rule names no peer or no port',
    explanation:
      'A NetworkPolicy rule without a peer opens its ports to everything, one without a port opens all of them. Name both.',
  },
  LNMT3007: {
    title: 'a metric has no scraper',
    explanation:
      'The Pods metric exists only when Prometheus scrapes the workload: without it the autoscaler reports FailedGetPodsMetric and stays where it is.',
  },
  LNMT3008: {
    title: 'accelerator, image and execution provider do not match',
    explanation:
      'GPU execution providers need an accelerator and an image with GPU libraries; an accelerator that nothing uses is paid for in vain.',
  },
  LNMT3009: {
    title: 'a secret needs a store',
    explanation:
      'A secret of the platform’s store becomes an ExternalSecret, which names the ClusterSecretStore and the key in it.',
  },
  LNMT3010: {
    title: 'a reason is missing',
    explanation: 'A security default may be relaxed only with a reason, which is printed and audited.',
  },
  LNMT3011: {
    title: 'a label belongs to LNMT',
    explanation:
      'Selectors of Services, policies and spread constraints rest on these labels; another value would detach the pods from them.',
  },
  LNMT3012: {
    title: 'a request rate is unusable',
    explanation:
      'The target is the number of requests a second that one pod serves well; fractions down to a thousandth are allowed.',
  },
  LNMT3013: {
    title: 'a replica set has an even number of members',
    explanation:
      'Members elect a primary by majority: an even number tolerates no more lost members than one less would.',
  },
  LNMT3014: {
    title: 'an issuer of tokens is described in part',
    explanation:
      'A token is accepted from one issuer and for one audience only: without either, tokens for others pass.',
  },
  LNMT3015: {
    title: 'keys of an issuer do not come over https',
    explanation: 'Whoever can change the key set on its way can sign tokens of their own.',
  },
  LNMT3016: {
    title: 'a signature algorithm is not accepted',
    explanation:
      'Tokens are signed with a private key that only the issuer has; shared secrets and unsigned tokens prove nothing.',
  },
  LNMT3017: {
    title: 'ways to prove oneself exclude one another',
    explanation: 'Each way is given once, and where anyone may call there is nothing to prove.',
  },
  LNMT3018: {
    title: 'keys of a runtime for every namespace are in none',
    explanation:
      'A runtime of KServe is used from every namespace, and its pods mount the Secret of their own. A secret of the store would have to be copied to namespaces that nobody knows yet.',
  },
  LNMT3019: {
    title: 'nothing could cross a threshold of an alert',
    explanation:
      'Shares end at 1, and a quantile is never reported above the largest bucket of its histogram: an alert beyond would stay silent for ever, one at 0 would never clear.',
  },
  LNMT3020: {
    title: 'the files of a server are too large',
    explanation:
      'They travel in a ConfigMap, which holds one mebibyte at most. Lists of models and pipelines that are longer belong into the repository of the models.',
  },
  LNMT3021: {
    title: 'nobody is named who may sign models by identity',
    explanation:
      'Anybody can have a certificate of a public authority, so a trusted root says nothing before it is known whose names count, and which identity providers vouch for them.',
  },
  LNMT3022: {
    title: 'a variable switches TLS on behind the back of the Service',
    explanation:
      'Callers of a server that speaks TLS are told so by its Service, and its files come from a volume. The property tls sets variables, volume and Service together; the variables alone would make a pod that does not start.',
  },
  LNMT3023: {
    title: 'a log has no place in the pod',
    explanation:
      'The root file system is read-only, so that a server with a log elsewhere than in a volume does not start. For the audit log a claim in auditLog keeps it beyond the pod; /dev/stderr hands it to whatever gathers the logs of containers.',
  },
  LNMT3024: {
    title: 'no setting reads a secret file',
    explanation:
      'Files of secretFiles are mounted under the name of the setting of the server that reads them. The certificate of the server and its keys have the properties tls and auth.',
  },
} as const satisfies ErrorTable;

/** The name is not a DNS label or too long. */
export function illegalName(
  scope: IConstruct | undefined,
  property: string,
  value: string,
  maxLength: number,
): LnmtError {
  return new LnmtError('LNMT3000', scope, {
    what: `${property} is not a Kubernetes name`,
    got: JSON.stringify(value),
    allowed: `at most ${maxLength} lower-case letters, digits and hyphens, beginning with a letter`,
    remedy: `choose another ${property}`,
  });
}

/** A metric was given to a fixed number of replicas. */
export function fixedScalingHasNoMetrics(metric: string, replicas: number): LnmtError {
  return new LnmtError('LNMT3001', undefined, {
    what: `Scaling.fixed takes no ${metric}`,
    got: `${replicas} replicas and ${metric}`,
    allowed: 'metrics with Scaling.between(min, max)',
    remedy: `use Scaling.between(min, max).${metric}(…), or drop ${metric}`,
  });
}

/** Neither a spare nor a missing pod is allowed. */
export function rolloutStuck(maxUnavailable: number | string, maxSurge: number | string): LnmtError {
  return new LnmtError('LNMT3002', undefined, {
    what: 'Rollout.rolling cannot replace any pod',
    got: `maxUnavailable ${maxUnavailable} and maxSurge ${maxSurge}`,
    allowed: 'whole numbers from 0 or percentages, at least one of the two above 0',
    remedy: 'raise maxSurge to 1, or use Rollout.surge()',
  });
}

/** The quantity cannot be read. */
export function malformedQuantity(property: string, value: string): LnmtError {
  return new LnmtError('LNMT3003', undefined, {
    what: `${property} is not a quantity`,
    got: JSON.stringify(value),
    allowed: 'a positive number with an optional suffix, e.g. 500m, 2, 512Mi, 4Gi',
    remedy: `write ${property} as Kubernetes quantities are written`,
  });
}

/** The request is above the limit. */
export function requestAboveLimit(property: string, request: string, limit: string): LnmtError {
  return new LnmtError('LNMT3004', undefined, {
    what: `${property} is above ${property}Limit`,
    got: `${request} and ${limit}`,
    allowed: `${property} at most ${property}Limit`,
    remedy: `lower ${property} or raise ${property}Limit`,
  });
}

/** A variable has two sources. */
export function variableSetTwice(scope: IConstruct, property: string, name: string, owner: string): LnmtError {
  return new LnmtError('LNMT3005', scope, {
    what: `${property} sets ${name}, which ${owner} already sets`,
    remedy: `remove ${name} from ${property}`,
  });
}

/** A rule would open a port to everything. */
export function ruleWithoutPeer(scope: IConstruct, property: string, description: string): LnmtError {
  return new LnmtError('LNMT3006', scope, {
    what: `${property} has a rule without a peer or without a port`,
    got: JSON.stringify(description),
    allowed: 'at least one range in cidrs or a namespace, and at least one port',
    remedy: 'name peer and port; to open a port to everyone say so with cidrs 0.0.0.0/0 and ::/0',
  });
}

/** The autoscaler would read a metric that nothing collects. */
export function metricWithoutScraper(scope: IConstruct, metric: string): LnmtError {
  return new LnmtError('LNMT3007', scope, {
    what: `scaling by ${metric} needs scraperNamespace`,
    got: 'no scraperNamespace',
    allowed: 'the namespace of the Prometheus that feeds the metrics adapter',
    remedy: 'set scraperNamespace, or scale by cpu only',
  });
}

/** Accelerator, image flavour and execution provider contradict one another. */
export function executionMismatch(
  scope: IConstruct,
  given: { readonly executionProvider: string; readonly imageFlavour: string; readonly accelerator: string },
): LnmtError {
  return new LnmtError('LNMT3008', scope, {
    what: 'executionProvider, imageFlavour and accelerator do not match',
    got: `executionProvider ${given.executionProvider}, imageFlavour ${given.imageFlavour}, accelerator ${given.accelerator}`,
    allowed:
      'cuda or tensorrt with imageFlavour cuda and an accelerator; cpu and webgpu without the cuda providers’ needs',
    remedy: 'leave executionProvider and imageFlavour out: they follow from accelerator',
  });
}

/** A secret of the platform's store was given, but no store. */
export function secretStoreMissing(scope: IConstruct, secret: string): LnmtError {
  return new LnmtError('LNMT3009', scope, {
    what: `secret ${secret} comes from the secret store, and none is given`,
    remedy: 'pass secretStore (a platform’s secretStore fits), or use SecretReference.fromKubernetes(name)',
  });
}

/** A default was relaxed without saying why. */
export function reasonMissing(scope: IConstruct | undefined, property: string): LnmtError {
  return new LnmtError('LNMT3010', scope, {
    what: `${property} needs a reason`,
    got: 'an empty one',
    remedy: `say in ${property} why this is safe here`,
  });
}

/** A label of the user's would replace one of ours. */
export function reservedLabel(scope: IConstruct, property: string, label: string): LnmtError {
  return new LnmtError('LNMT3011', scope, {
    what: `${property} sets ${label}, which selectors rest on`,
    allowed: 'any label that LNMT does not write',
    remedy: `remove ${label} from ${property}`,
  });
}

/** The target is not a positive number. */
export function unusableRate(perPod: number): LnmtError {
  return new LnmtError('LNMT3012', undefined, {
    what: 'requestsPerSecond is unusable',
    got: `${perPod} requests/s`,
    allowed: 'numbers from 0.001 requests/s a pod',
    remedy: 'measure what one pod serves within its latency target, and give about three quarters of it',
  });
}

/** The replica set could not elect a primary better than a smaller one. */
export function evenMembers(scope: IConstruct, members: number): LnmtError {
  return new LnmtError('LNMT3013', scope, {
    what: 'members must be an odd number',
    got: `${members} members`,
    allowed: '1, 3, 5 or 7',
    remedy: 'choose one of these',
  });
}

/** Issuer or audience is empty. */
export function issuerIncomplete(property: string): LnmtError {
  return new LnmtError('LNMT3014', undefined, {
    what: `${property} is missing`,
    got: 'an empty one',
    remedy: `give ${property} as it stands in the tokens`,
  });
}

/** The key set would travel unprotected. */
export function jwksUnsafe(value: string): LnmtError {
  return new LnmtError('LNMT3015', undefined, {
    what: 'Auth.jwt jwksUri is not an https URL',
    got: JSON.stringify(value),
    allowed: 'https URLs without credentials and fragment',
    remedy: 'take jwks_uri of the discovery document of the issuer',
  });
}

/** The algorithm is none that a server accepts. */
export function algorithmUnknown(algorithm: string | undefined, allowed: readonly string[]): LnmtError {
  return new LnmtError('LNMT3016', undefined, {
    what: 'Auth.jwt algorithms cannot be accepted',
    got: algorithm === undefined ? 'an empty list' : JSON.stringify(algorithm),
    allowed: allowed.join(', '),
    remedy: 'name the algorithms that the issuer signs with',
  });
}

/** The ways do not go together. */
export function authMixed(methods: readonly string[]): LnmtError {
  return new LnmtError('LNMT3017', undefined, {
    what: 'Auth.anyOf cannot combine these',
    got: methods.join(' and '),
    allowed: 'Auth.apiKeys and Auth.jwt, each once',
    remedy: 'remove the repetition, or Auth.none',
  });
}

/** The keys of a runtime for every namespace are to come from the store. */
export function keysOfRuntime(scope: IConstruct | undefined, name: string): LnmtError {
  return new LnmtError('LNMT3018', scope, {
    what: 'auth takes its keys from the store, and the runtime has no namespace',
    got: `SecretReference.fromStore(${JSON.stringify(name)})`,
    allowed: 'SecretReference.fromKubernetes',
    remedy: 'make a Secret of one name in each namespace with InferenceServices, and name it',
  });
}

/** The alert would never fire, or always. */
export function thresholdOutOfRange(property: string, value: number, below: number): LnmtError {
  return new LnmtError('LNMT3019', undefined, {
    what: `Alerts.at ${property} is out of range`,
    got: String(value),
    allowed: `numbers above 0 and below ${below}`,
    remedy: `set ${property} inside that range, or Alerts.off() for no alerts`,
  });
}

/** Files of a server are larger than a ConfigMap. */
export function fileTooLarge(scope: IConstruct | undefined, bytes: number, most: number): LnmtError {
  return new LnmtError('LNMT3020', scope, {
    what: 'files is too large',
    got: `${bytes} bytes`,
    allowed: `at most ${most} bytes`,
    remedy: 'shorten the files, or name models by their repository',
  });
}

/** A trusted root without names of signers. */
export function signersUnnamed(scope: IConstruct, setting: string): LnmtError {
  return new LnmtError('LNMT3021', scope, {
    what: `files.signatureTrustedRoot is given and env does not set ${setting}`,
    allowed: 'whole e-mail addresses or URIs, each with a vertical bar and the https URL of its identity provider',
    remedy: `set ${setting} in env, e.g. 'models@example.com|https://accounts.example.com'`,
  });
}

/** TLS was switched on by variables. */
export function tlsVariableSet(scope: IConstruct, property: string, name: string): LnmtError {
  return new LnmtError('LNMT3022', scope, {
    what: `${property} sets ${name}, of which volume and Service know nothing`,
    allowed: 'a Secret of the type kubernetes.io/tls in tls',
    remedy: `remove ${name} from ${property}, and set tls: { secretName }`,
  });
}

/** The file of a log cannot be written. */
export function logHomeless(scope: IConstruct, name: string, file: string, allowed: string, remedy: string): LnmtError {
  return new LnmtError('LNMT3023', scope, {
    what: `env sets ${name} to a file that no volume of the pod holds`,
    got: JSON.stringify(file),
    allowed,
    remedy,
  });
}

/** A secret file whose name is no setting that reads a file. */
export function secretFileUnread(scope: IConstruct, name: string, allowed: readonly string[]): LnmtError {
  return new LnmtError('LNMT3024', scope, {
    what: `secretFiles has ${name}, and no setting of that name reads a file`,
    allowed: allowed.join(', '),
    remedy: 'name the file by the setting that reads it; SETTINGS.md lists them',
  });
}
