/** TCP ports. All servers use the same three, so that one Service template and one NetworkPolicy fit them all. */
export const PORTS = {
  /** HTTP: inference, management and health routes. */
  http: 8080,
  /** gRPC: Open Inference Protocol and the standard gRPC health service. */
  grpc: 9000,
  /** Prometheus exposition, and the health routes for probes. Plain HTTP, and never routed outside the cluster. */
  metrics: 9090,
} as const;

/** Names of the ports in Services, probes and NetworkPolicies (IANA service names: at most 15 characters). */
export const PORT_NAMES = {
  http: 'http',
  grpc: 'grpc',
  metrics: 'metrics',
} as const satisfies Record<keyof typeof PORTS, string>;
