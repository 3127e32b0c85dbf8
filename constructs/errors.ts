import type { IConstruct } from 'constructs';

/** What `lnmt explain CODE` prints of an error. */
export interface ErrorDefinition {
  /** The rule that was broken, in a few words. */
  readonly title: string;
  /** Why the rule exists and how to follow it, in a few sentences. */
  readonly explanation: string;
}

/** Definitions by stable code. A code is never reused for another rule. */
export type ErrorTable = Readonly<Record<`LNMT${number}`, ErrorDefinition>>;

/** The parts of a message. All of them name the user's own property and value. */
export interface ErrorDetails {
  /** What is wrong, in the user's words. */
  readonly what: string;
  /** The value that was given, with its unit. */
  readonly got?: string;
  /** What would have been accepted. */
  readonly allowed?: string;
  /** What to do about it. */
  readonly remedy: string;
}

const ERROR_SYMBOL = Symbol.for('lnmt/error');

/** Every error that LNMT raises about a description: coded, with the construct's path and a remedy. */
export class LnmtError extends Error {
  /** Recognises an `LnmtError` of any copy of this package. */
  static isLnmtError(this: void, value: unknown): value is LnmtError {
    return typeof value === 'object' && value !== null && ERROR_SYMBOL in value;
  }

  /** Stable code, e.g. `LNMT1001`; the argument of `lnmt explain`. */
  readonly code: string;
  /** Path of the construct that refused, e.g. `ml-infra/platform`; absent where no construct is involved. */
  readonly constructPath: string | undefined;
  /** The parts that the message was made of. */
  readonly details: ErrorDetails;

  constructor(code: string, scope: IConstruct | undefined, details: ErrorDetails) {
    const path = scope?.node.path;
    const where = path ? ` [${path}]` : '';
    const got = details.got === undefined ? '' : `; got ${details.got}`;
    const allowed = details.allowed === undefined ? '' : `; allowed: ${details.allowed}`;
    super(`${code}${where}: ${details.what}${got}${allowed}; ${details.remedy}`);
    this.name = 'LnmtError';
    this.code = code;
    this.constructPath = path;
    this.details = details;
    Object.defineProperty(this, ERROR_SYMBOL, { value: true });
  }
}

/** Codes of descriptions: names, shapes, scaling, capacity and what headline constructs are given. */
export const DESCRIPTION_ERRORS = {
  LNMT1001: {
    title: 'a name cannot be used',
    explanation:
      'Names are made legal for each target by lowering, replacing and shortening, with a hash where that loses something. An empty name, or one without a single letter or digit, leaves nothing to work with.',
  },
  LNMT1002: {
    title: 'a number is out of range',
    explanation: 'The property takes a number inside the range that the message states.',
  },
  LNMT1003: {
    title: 'bounds are reversed',
    explanation: 'A lower bound is above its upper bound. Exchange them, or raise the upper one.',
  },
  LNMT1004: {
    title: 'a literal is needed',
    explanation:
      'The value is known only when Terraform runs (a token), but it decides what is synthesized: a name, a count, a CIDR that is divided. Give a literal.',
  },
  LNMT1005: {
    title: 'the Kubernetes version is not supported',
    explanation: 'LNMT writes manifests for a range of Kubernetes minors that it is checked against.',
  },
  LNMT1006: {
    title: 'no node shape fits',
    explanation:
      'No instance type of the target has the accelerator, count or memory that was asked for. The message lists the nearest offers.',
  },
  LNMT1007: {
    title: 'the target does not offer this',
    explanation: 'Each cloud declares what it cannot offer, with the reason and the nearest alternative.',
  },
  LNMT1008: {
    title: 'things of different clouds are mixed',
    explanation: 'Everything of one platform lives on one cloud. Make the object with the same cloud as the platform.',
  },
  LNMT1009: {
    title: 'the pool cannot hold the replicas',
    explanation:
      'The largest number of replicas, with those that an update makes before others leave, needs more nodes or accelerators than the pool may have: scaling would stop with pending pods, and an update would wait for ever.',
  },
  LNMT1010: {
    title: 'an image has no digest',
    explanation:
      'Images run by digest. Build and push them with `lnmt images push`, and pass the digests that it prints to Images.from.',
  },
  LNMT1011: {
    title: 'an object sits in the wrong stack',
    explanation:
      'Infrastructure and workloads are two Terraform stacks: a provider that is configured from the state it writes breaks on replacement, import and destroy. Put workloads into a stack of their own.',
  },
  LNMT1012: {
    title: 'a stack holds two platforms',
    explanation: 'Providers are configured once a stack. Give each platform its own stacks.',
  },
  LNMT1013: {
    title: 'a building block is switched off',
    explanation: 'Something was asked for that needs a building block which this platform does not have.',
  },
  LNMT1014: {
    title: 'a CIDR is unusable',
    explanation: 'The address range is malformed, not private, or too small to hold a subnet in each zone.',
  },
  LNMT1015: {
    title: 'the document API does not match',
    explanation: 'Document stores have no common client API. Use a store whose API the consumer speaks.',
  },
  LNMT1016: {
    title: 'a choice is not offered',
    explanation: 'The property takes one of the values that the message lists.',
  },
  LNMT1017: {
    title: 'a model is not in its store',
    explanation:
      'Terraform looks for the model before it installs anything. Push it with `lnmt model push`, which writes its manifest last, and apply again.',
  },
  LNMT1019: {
    title: 'an image is not in the registry',
    explanation:
      'Terraform looks for the image in the registry of the platform before it installs anything. Push it with `lnmt images push`, and apply again.',
  },
  LNMT1020: {
    title: 'an id is taken',
    explanation:
      'Ids are the addresses of what is deployed, so two things in one stack cannot share one. Endpoints and training clusters of a platform share its workloads stack.',
  },
  LNMT1021: {
    title: 'the bundled image lacks the execution provider',
    explanation:
      'The bundled images run models on CPUs and with CUDA. TensorRT needs libraries of NVIDIA and WebGPU a Vulkan loader in the system below the server, and pods without them never become ready. Build an image on a base that has them with `lnmt images build --base`, push it, and name it with the property image.',
  },
  LNMT1022: {
    title: 'a replica uses one accelerator',
    explanation:
      'The server runs all its models on one device, the first of those that its pod is given, so that others would be paid for and idle. More replicas use more accelerators; nodes with several accelerators hold as many replicas.',
  },
  LNMT1023: {
    title: 'a replica fits no node',
    explanation:
      'A replica is one pod, which has to find its accelerator, CPU and memory on one node. A tenth of the CPU of a node and 15 % of its memory are left to the kubelet, the system and the daemons. A pod that asks for more than what remains of any node would wait for good. The message lists what pods can have of the largest ones.',
  },
  LNMT1024: {
    title: 'an image does not run on its nodes',
    explanation:
      'Machines of the other CPU architecture cannot start the image, and its pods would fail again and again. Images are built for the architecture of the machine that builds them; architectures says for which that is. Some accelerators, and some machines that a price table makes the cheapest, come with arm64.',
  },
  LNMT1018: {
    title: 'the platform has no workloads stack yet',
    explanation:
      'Endpoints and training clusters need what the Kubernetes half of their platform installs: operators, namespaces, node pools. Call `platform.workloads(stack)` before creating them.',
  },
} as const satisfies ErrorTable;

/** The name holds no letter or digit, or is empty. */
export function unusableName(scope: IConstruct | undefined, property: string, value: string): LnmtError {
  return new LnmtError('LNMT1001', scope, {
    what: `${property} must hold at least one letter or digit`,
    got: JSON.stringify(value),
    remedy: 'choose another name',
  });
}

/** The server would not take the name, and end when it starts. */
export function modelNameRefused(scope: IConstruct, property: string, value: string): LnmtError {
  return new LnmtError('LNMT1001', scope, {
    what: `${property} is no name that the server takes`,
    got: JSON.stringify(value),
    allowed: 'up to 128 lower-case letters, digits, dots, dashes and underscores, a letter or digit first',
    remedy: 'choose another name',
  });
}

/** The number is not an integer or not inside `min`…`max`. */
export function numberOutOfRange(
  scope: IConstruct | undefined,
  property: string,
  value: number,
  range: { readonly min: number; readonly max?: number; readonly unit?: string },
): LnmtError {
  const unit = range.unit ? ` ${range.unit}` : '';
  return new LnmtError('LNMT1002', scope, {
    what: `${property} is out of range`,
    got: `${value}${unit}`,
    allowed:
      range.max === undefined
        ? `whole numbers from ${range.min}${unit}`
        : `whole numbers from ${range.min} to ${range.max}${unit}`,
    remedy: `set ${property} inside that range`,
  });
}

/** `lower` is above `upper`. */
export function reversedBounds(
  scope: IConstruct | undefined,
  lower: readonly [property: string, value: number],
  upper: readonly [property: string, value: number],
): LnmtError {
  return new LnmtError('LNMT1003', scope, {
    what: `${lower[0]} is above ${upper[0]}`,
    got: `${lower[0]} ${lower[1]} and ${upper[0]} ${upper[1]}`,
    allowed: `${lower[0]} at most ${upper[0]}`,
    remedy: `lower ${lower[0]} or raise ${upper[0]}`,
  });
}

/** A token stands where synthesis needs the value itself. */
export function literalNeeded(scope: IConstruct | undefined, property: string): LnmtError {
  return new LnmtError('LNMT1004', scope, {
    what: `${property} must be known when the program runs`,
    got: 'a value that only Terraform knows',
    allowed: 'a literal',
    remedy: `write the value of ${property} into the program, or read it from a file or the environment in main.ts`,
  });
}

/** The Kubernetes minor is outside the supported range. */
export function unsupportedKubernetesVersion(
  scope: IConstruct | undefined,
  value: string,
  supported: readonly string[],
): LnmtError {
  return new LnmtError('LNMT1005', scope, {
    what: 'kubernetesVersion is not supported',
    got: JSON.stringify(value),
    allowed: supported.join(', '),
    remedy: 'choose one of these minors',
  });
}

/** No shape of the target satisfies the request. */
export function noShapeFits(
  scope: IConstruct | undefined,
  target: string,
  request: string,
  nearest: readonly string[],
): LnmtError {
  return new LnmtError('LNMT1006', scope, {
    what: `${target} has no node shape with ${request}`,
    allowed: nearest.length > 0 ? `nearest offers: ${nearest.join('; ')}` : 'nothing comparable is offered',
    remedy: 'ask for one of the nearest offers, or choose another target',
  });
}

/** The cloud declares a gap for the capability. */
export function capabilityGap(
  scope: IConstruct | undefined,
  cloud: string,
  capability: string,
  gap: { readonly reason: string; readonly alternative: string },
): LnmtError {
  return new LnmtError('LNMT1007', scope, {
    what: `${cloud} does not offer ${capability}: ${gap.reason}`,
    remedy: gap.alternative,
  });
}

/** An object of one cloud was given to a platform of another. */
export function wrongCloud(
  scope: IConstruct | undefined,
  property: string,
  actual: { readonly cloud: string; readonly path?: string },
  expected: string,
): LnmtError {
  const path = actual.path ? ` (${actual.path})` : '';
  return new LnmtError('LNMT1008', scope, {
    what: `${property} belongs to another cloud`,
    got: `an object of ${actual.cloud}${path}`,
    allowed: `an object of ${expected}`,
    remedy: `create or import ${property} with the cloud of its platform`,
  });
}

/** The largest number of replicas does not fit into the pool. */
export function poolTooSmall(
  scope: IConstruct | undefined,
  need: { readonly maxReplicas: number; readonly surge: number; readonly perNode: number; readonly nodes: number },
  pool: { readonly name: string; readonly maxNodes: number },
): LnmtError {
  const most = pool.maxNodes * need.perNode - need.surge;
  const updated = need.surge > 0 ? ` and ${need.surge} more while they are updated,` : '';
  const inPlace = need.surge > 0 ? ' or rollout, e.g. Rollout.rolling({ maxUnavailable: 1, maxSurge: 0 })' : '';
  return new LnmtError('LNMT1009', scope, {
    what: `maxReplicas does not fit into pool ${pool.name}`,
    got: `${need.maxReplicas} replicas${updated} at ${need.perNode} a node, which is ${need.nodes} nodes`,
    allowed: `${pool.maxNodes} nodes (maxNodes), so at most ${Math.max(0, most)} replicas`,
    remedy: `raise maxNodes of the pool, lower maxReplicas, or relax spread${inPlace}`,
  });
}

/** No node holds a replica. @param offers what pods can have of the largest nodes */
export function replicaFitsNoNode(
  scope: IConstruct | undefined,
  need: {
    readonly property: string;
    readonly place: string;
    readonly gpus: number;
    readonly cpu: string;
    readonly memory: string;
  },
  offers: readonly string[],
): LnmtError {
  return new LnmtError('LNMT1023', scope, {
    what: `${need.property} of a replica fits no node ${need.place}`,
    got: `gpus ${need.gpus}, cpu ${need.cpu}, memory ${need.memory}`,
    allowed: offers.join('; '),
    remedy: 'lower cpu or memory of resources, or choose larger nodes by accelerator or nodes',
  });
}

/** The nodes of a pool cannot run an image that is built for others. */
export function architectureMismatch(
  scope: IConstruct | undefined,
  built: readonly string[],
  pool: { readonly name: string; readonly shape: { readonly name: string; readonly architecture: string } },
): LnmtError {
  const { name, architecture } = pool.shape;
  return new LnmtError('LNMT1024', scope, {
    what: `architectures has no build for the nodes of pool ${pool.name}`,
    got: `${built.join(', ')}, and nodes of ${name}, which are ${architecture}`,
    allowed: `architectures with ${architecture}, or nodes of ${built.join(' or ')}`,
    remedy: `build the image on a machine of ${architecture} and set architectures: ['${architecture}'], or choose other nodes by accelerator, prices or nodes`,
  });
}

/** A workload needs an image for which no digest was given. */
export function missingImageDigest(scope: IConstruct | undefined, key: string, known: readonly string[]): LnmtError {
  return new LnmtError('LNMT1010', scope, {
    what: `images has no digest for ${key}`,
    got: known.length > 0 ? `digests for ${known.join(', ')}` : 'no digests',
    allowed: 'sha256:<64 hexadecimal digits>',
    remedy: 'run `lnmt images push` and pass the digests that it prints to Images.from',
  });
}

/** A workload was put into the stack of its platform's infrastructure. */
export function wrongStack(scope: IConstruct | undefined, what: string, stack: string): LnmtError {
  return new LnmtError('LNMT1011', scope, {
    what: `${what} cannot live in the infrastructure stack`,
    got: `stack ${stack}`,
    allowed: 'any other stack of the app',
    remedy: 'create a second TerraformStack for workloads, or use PlatformStacks',
  });
}

/** Two platforms were put into one stack. */
export function twoPlatforms(scope: IConstruct | undefined, stack: string, first: string): LnmtError {
  return new LnmtError('LNMT1012', scope, {
    what: `stack ${stack} already holds a platform`,
    got: `a second one beside ${first}`,
    allowed: 'one platform a stack',
    remedy: 'create another TerraformStack for the second platform',
  });
}

/** Something needs a block that the platform was told not to have. */
export function blockSwitchedOff(scope: IConstruct | undefined, block: string, neededBy: string): LnmtError {
  return new LnmtError('LNMT1013', scope, {
    what: `${neededBy} needs ${block}, which this platform does not have`,
    remedy: `drop Block.off() for ${block}, or pass an existing one with Block.existing()`,
  });
}

/** The address range cannot be used. */
export function unusableCidr(
  scope: IConstruct | undefined,
  property: string,
  value: string,
  allowed: string,
): LnmtError {
  return new LnmtError('LNMT1014', scope, {
    what: `${property} cannot be used`,
    got: JSON.stringify(value),
    allowed,
    remedy: `choose another range for ${property}`,
  });
}

/** The consumer does not speak the store's API. */
export function documentApiMismatch(
  scope: IConstruct | undefined,
  api: string,
  accepted: readonly string[],
): LnmtError {
  return new LnmtError('LNMT1015', scope, {
    what: 'the document store speaks another API than its consumer',
    got: api,
    allowed: accepted.join(', '),
    remedy: 'choose a document store with one of these APIs',
  });
}

/** The value is not one of the choices. */
export function notOffered(
  scope: IConstruct | undefined,
  property: string,
  value: string,
  choices: readonly string[],
): LnmtError {
  return new LnmtError('LNMT1016', scope, {
    what: `${property} is not one of the choices`,
    got: JSON.stringify(value),
    allowed: choices.join(', '),
    remedy: `set ${property} to one of these`,
  });
}

/** Message of the check that a model is in its store: raised by Terraform, not at synthesis. */
export function modelMissing(scope: IConstruct, name: string, version: string): LnmtError {
  return new LnmtError('LNMT1017', scope, {
    what: `model ${name} version ${version} is not in the store`,
    remedy: `run \`lnmt model push ${name} FILE --version ${version}\` before the workloads`,
  });
}

/** Something that runs on a platform was created before the platform's Kubernetes half has a stack. */
export function noWorkloadsStack(scope: IConstruct, platform: string): LnmtError {
  return new LnmtError('LNMT1018', scope, {
    what: `platform ${platform} has no workloads stack yet`,
    remedy: 'call platform.workloads(stack) first, or use PlatformStacks',
  });
}

/** Message of the check that an image is in the platform's registry: raised by Terraform, not at synthesis. */
export function imageMissing(scope: IConstruct, image: string, digest: string): LnmtError {
  return new LnmtError('LNMT1019', scope, {
    what: `image ${image} is not in the registry of the platform`,
    got: digest,
    remedy: 'run `lnmt images push` before the workloads, and pass the digests that it prints',
  });
}

/** Something else in the scope has the id. */
export function takenId(scope: IConstruct, id: string): LnmtError {
  return new LnmtError('LNMT1020', scope, {
    what: `id ${JSON.stringify(id)} is taken`,
    got: `a second ${JSON.stringify(id)} in ${scope.node.path || 'the app'}`,
    allowed: 'ids that nothing else in the same scope has',
    remedy: 'choose another id',
  });
}

/** The bundled image cannot load the provider. */
export function providerNotBundled(scope: IConstruct, provider: string, bundled: readonly string[]): LnmtError {
  return new LnmtError('LNMT1021', scope, {
    what: `the bundled image has no libraries for executionProvider ${provider}`,
    got: `executionProvider ${provider} without image`,
    allowed: `${bundled.join(', ')}; any other with an image of your own`,
    remedy: 'leave executionProvider out, or build with `lnmt images build --base` and pass the result as image',
  });
}

/** A replica asks for more accelerators than its server uses. */
export function acceleratorsIdle(scope: IConstruct, property: string, count: number): LnmtError {
  return new LnmtError('LNMT1022', scope, {
    what: `${property} asks for accelerators that nothing would use`,
    got: `${count} for each replica`,
    allowed: '1',
    remedy: `drop ${property} and raise the replicas of scaling, each of which takes one`,
  });
}

/** An image of one's own is not named by its digest. */
export function imageWithoutDigest(scope: IConstruct, image: string): LnmtError {
  return new LnmtError('LNMT1010', scope, {
    what: 'image is not named by its digest',
    got: JSON.stringify(image),
    allowed: 'registry/name@sha256:<64 hexadecimal digits>',
    remedy: 'pass the digest that `lnmt images push` prints',
  });
}
