import { ApiObject } from 'cdk8s';
import type { Construct } from 'constructs';
import type { EgressRule } from '../cloud/egress';
import { ruleWithoutPeer } from './errors';

/** Who may reach a workload. */
export interface IngressRule {
  /** Why it is open, for people who read the policy. */
  readonly description: string;
  /** IPv4 or IPv6 ranges. @default - none, see `namespace` */
  readonly cidrs?: readonly string[];
  /** Pods of a namespace instead of ranges. @default - none, see `cidrs` */
  readonly namespace?: { readonly name: string; readonly podLabels?: Readonly<Record<string, string>> };
}

/** An ingress rule with the ports that it opens. */
export interface PortIngressRule extends IngressRule {
  readonly ports: readonly number[];
}

/** Props of {@link denyAllBut}. */
export interface DenyAllButProps {
  readonly name: string;
  readonly namespace: string;
  /** Pods that it applies to. @default - every pod of the namespace */
  readonly podSelector?: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly ingress: readonly PortIngressRule[];
  /** Where the pods may connect to, DNS apart. @default - anywhere: for pods that have to reach the API server */
  readonly egress?: readonly EgressRule[];
  /** Lets the selected pods talk to one another on any port, as collective communication needs. @default false */
  readonly amongThemselves?: boolean;
}

/** The cluster's DNS: its pods by the label that every distribution keeps, and the node-local cache. */
export const DNS_EGRESS: readonly EgressRule[] = [
  {
    description: 'names',
    namespace: { name: 'kube-system', podLabels: { 'k8s-app': 'kube-dns' } },
    ports: dnsPorts(),
  },
  { description: 'names, from the cache on the node', cidrs: ['169.254.20.10/32'], ports: dnsPorts() },
];

/**
 * A NetworkPolicy that denies everything but DNS and the given rules.
 *
 * @see https://kubernetes.io/docs/concepts/services-networking/network-policies/
 * @throws LNMT3006 for a rule that names no peer or no port
 */
export function denyAllBut(scope: Construct, id: string, props: DenyAllButProps): ApiObject {
  const { ingress, podSelector } = props;
  const egress = props.egress && [...DNS_EGRESS, ...props.egress];
  const one = props.amongThemselves && podSelector ? [{ podSelector: { matchLabels: podSelector } }] : [];
  const reasons = [
    ...ingress.map((rule) => `in: ${rule.description}`),
    ...(egress ?? []).map((rule) => `out: ${rule.description}`),
  ];
  return new ApiObject(scope, id, {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: {
      name: props.name,
      namespace: props.namespace,
      labels: props.labels,
      annotations: { 'kubernetes.io/description': reasons.join('; ') },
    },
    spec: {
      podSelector: podSelector ? { matchLabels: podSelector } : {},
      policyTypes: egress ? ['Ingress', 'Egress'] : ['Ingress'],
      ingress: once([...one.map((pods) => ({ from: [pods] })), ...ingress.map((rule) => ingressRule(scope, rule))]),
      egress:
        egress && once([...one.map((pods) => ({ to: [pods] })), ...egress.map((rule) => egressRule(scope, rule))]),
    },
  });
}

/** Two reasons may open the same: the policy says it once, and the description both reasons. */
function once(rules: readonly object[]): object[] {
  return [...new Map(rules.map((rule) => [JSON.stringify(rule), rule])).values()];
}

function ingressRule(scope: Construct, rule: PortIngressRule): object {
  const open = rule.ports.map((port) => ({ port, protocol: 'TCP' }));
  return { from: peers(scope, 'ingressFrom', rule), ports: ports(scope, 'ingressFrom', rule, open) };
}

function egressRule(scope: Construct, rule: EgressRule): object {
  const open = rule.ports.map(({ port, protocol }) => ({ port, protocol }));
  return { to: peers(scope, 'egress', rule), ports: ports(scope, 'egress', rule, open) };
}

type Peer =
  | { readonly ipBlock: { readonly cidr: string } }
  | { readonly namespaceSelector: LabelSelector; readonly podSelector?: LabelSelector };

interface LabelSelector {
  readonly matchLabels: Readonly<Record<string, string>>;
}

function peers(scope: Construct, property: string, rule: IngressRule): Peer[] {
  const ranges: Peer[] = (rule.cidrs ?? []).map((cidr) => ({ ipBlock: { cidr } }));
  const { namespace } = rule;
  if (namespace === undefined && ranges.length === 0) throw ruleWithoutPeer(scope, property, rule.description);
  if (namespace === undefined) return ranges;
  const inNamespace: Peer = {
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace.name } },
    ...(namespace.podLabels ? { podSelector: { matchLabels: namespace.podLabels } } : {}),
  };
  return [...ranges, inNamespace];
}

function ports<T>(scope: Construct, property: string, rule: IngressRule, given: readonly T[]): readonly T[] {
  if (given.length === 0) throw ruleWithoutPeer(scope, property, rule.description);
  return given;
}

function dnsPorts(): EgressRule['ports'] {
  return [
    { port: 53, protocol: 'UDP' },
    { port: 53, protocol: 'TCP' },
  ];
}
