/** A destination that pods may talk to, for NetworkPolicies. */
export interface EgressRule {
  /** Why it is open, for people who read the policy. */
  readonly description: string;
  /** IPv4 or IPv6 ranges. @default - none, see `namespace` */
  readonly cidrs?: readonly string[];
  /** Pods of a namespace instead of ranges. @default - none, see `cidrs` */
  readonly namespace?: { readonly name: string; readonly podLabels?: Readonly<Record<string, string>> };
  readonly ports: readonly { readonly port: number; readonly protocol: 'TCP' | 'UDP' }[];
}
