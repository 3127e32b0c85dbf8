/**
 * The shutdown sequence in seconds. Manifests and servers take it from here, so that a grace period is never
 * shorter than the work it has to cover.
 *
 * SIGTERM → readiness false, still accepting for `drainDelay` → stop listening → in-flight work up to `grace` → the rest is answered 503 → exit.
 */
export const SHUTDOWN = {
  /** `preStop.sleep`: endpoints are withdrawn while the pod still answers. */
  preStopSleep: 5,
  /** After SIGTERM: not ready, but still accepting; covers probe period and load-balancer propagation. */
  drainDelay: 5,
  /** Limit for requests in flight after the listener closed. */
  grace: 25,
  /** Room for flushing telemetry and ending child processes. */
  margin: 10,
} as const;

/** `terminationGracePeriodSeconds` that covers the whole sequence. @param grace seconds for requests in flight */
export const terminationGraceSeconds = (grace: number = SHUTDOWN.grace): number =>
  SHUTDOWN.preStopSleep + SHUTDOWN.drainDelay + grace + SHUTDOWN.margin;

/** `terminationGracePeriodSeconds` of a pod whose manifest says nothing. */
const UNSTATED_TERMINATION_GRACE_SECONDS = 30;

/** `grace` of a server in a pod that others write, so that the whole sequence fits into what such a pod is given. */
export const SHORT_GRACE_SECONDS = UNSTATED_TERMINATION_GRACE_SECONDS - terminationGraceSeconds(0);
