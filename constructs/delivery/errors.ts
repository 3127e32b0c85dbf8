import type { IConstruct } from 'constructs';
import type { ErrorTable } from '../errors';
import { LnmtError } from '../errors';

/** Codes of delivery: what may stand in a manifest, and how releases are made of manifests. */
export const DELIVERY_ERRORS = {
  LNMT4001: {
    title: 'a Terraform value stands where a manifest cannot take it',
    explanation:
      'Values that only Terraform knows are bound late, as chart values or placeholders. That works for a string and inside a string; not in a name, a namespace, a map key, a number or a list, because those decide what the object is or which type the field has.',
  },
  LNMT4002: {
    title: 'an object has no namespace',
    explanation:
      'A namespaced object without a namespace would land wherever its release does. Give the object, or the part it belongs to, a namespace.',
  },
  LNMT4003: {
    title: 'the release would wait for ever',
    explanation:
      'Layers 00 to 20 wait until everything is ready. A claim without the pod that mounts it (WaitForFirstConsumer) and a Service of type LoadBalancer without a controller never are. Put them into layer 30-apps.',
  },
  LNMT4004: {
    title: 'a release is too large',
    explanation:
      'Helm keeps a release in one Secret, which Kubernetes limits to 1 MiB. Split the objects over several parts.',
  },
  LNMT4005: {
    title: 'two objects have the same identity',
    explanation: 'Two parts of one platform define the same kind, namespace and name; the last one would win silently.',
  },
  LNMT4006: {
    title: 'a manifest cannot be rendered',
    explanation: 'cdk8s refused an object: usually an invalid name, or a field that is not plain data.',
  },
  LNMT4007: {
    title: 'add-ons contradict each other',
    explanation: 'Two different add-ons of one platform have the same name, or wait for each other in a circle.',
  },
  LNMT4008: {
    title: 'a construct sits outside a Terraform stack',
    explanation: 'Delivery belongs to a stack: put the construct into a TerraformStack of the app.',
  },
} as const satisfies ErrorTable;

/** A token sits where it cannot be bound late. `place` names the field, e.g. `metadata.name`. */
export function unbindableToken(
  scope: IConstruct,
  object: string,
  field: string,
  kind: 'name' | 'map key' | 'number' | 'list' | 'map',
): LnmtError {
  return new LnmtError('LNMT4001', scope, {
    what: `${object}: ${field} holds a value that only Terraform knows`,
    got: `a token as ${kind}`,
    allowed: 'a literal here; tokens as whole strings or inside strings',
    remedy:
      kind === 'number' || kind === 'list' || kind === 'map'
        ? 'pass each element as a string, or write a literal'
        : 'write a literal, or bind the value through an environment variable of the container',
  });
}

/** A namespaced object names no namespace. */
export function missingNamespace(scope: IConstruct, object: string): LnmtError {
  return new LnmtError('LNMT4002', scope, {
    what: `${object} has no namespace`,
    remedy: 'set metadata.namespace, or the namespace of the part',
  });
}

/** An object of a waiting layer would never become ready. */
export function neverReady(scope: IConstruct, object: string, layer: string, reason: string): LnmtError {
  return new LnmtError('LNMT4003', scope, {
    what: `${object} in layer ${layer} would never become ready: ${reason}`,
    allowed: 'layer 30-apps, which does not wait',
    remedy: 'move the object to layer 30-apps',
  });
}

/** A release exceeds what a Secret can hold. */
export function releaseTooLarge(scope: IConstruct, release: string, bytes: number, limit: number): LnmtError {
  return new LnmtError('LNMT4004', scope, {
    what: `release ${release} is too large for Helm`,
    got: `about ${bytes} bytes`,
    allowed: `${limit} bytes`,
    remedy: 'split the objects over several parts: each part can become a release of its own',
  });
}

/** Two parts define the same object. */
export function duplicateObject(scope: IConstruct, object: string, first: string): LnmtError {
  return new LnmtError('LNMT4005', scope, {
    what: `${object} is defined twice`,
    got: `here and in ${first}`,
    remedy: 'rename one of them, or define it once',
  });
}

/** cdk8s could not render an object. */
export function unrenderable(scope: IConstruct, part: string, reason: string): LnmtError {
  return new LnmtError('LNMT4006', scope, {
    what: `part ${part} cannot be rendered: ${reason}`,
    remedy: 'correct the object that the message names',
  });
}

/** Two add-ons of one name differ, or depend on each other in a circle. */
export function contradictoryAddons(scope: IConstruct, name: string, reason: string): LnmtError {
  return new LnmtError('LNMT4007', scope, {
    what: `add-on ${name}: ${reason}`,
    remedy: 'install it once, with one set of values',
  });
}

/** No stack above the construct. */
export function outsideStack(scope: IConstruct): LnmtError {
  return new LnmtError('LNMT4008', scope, {
    what: 'the construct is not inside a TerraformStack',
    remedy: 'create it below a TerraformStack',
  });
}
