import { status } from '@grpc/grpc-js';
import type { handleServerStreamingCall, handleUnaryCall, UntypedServiceImplementation } from '@grpc/grpc-js';
import type { HealthState } from '../../shared/health';
import type { Gate } from './gate';

type ServingStatus = 'SERVING' | 'NOT_SERVING' | 'SERVICE_UNKNOWN';

interface HealthRequest {
  readonly service: string;
}

interface HealthResponse {
  readonly status: ServingStatus;
}

/** Readiness is computed, so that those who watch are told by looking at it this often. */
const LOOK_MS = 500;

/** Streams that may watch at the same time: each costs memory for as long as it likes. */
const MAX_WATCHERS = 100;

/** Services that can be asked for by name; the empty name is the server. */
const HEALTH_SERVICES: readonly string[] = ['', 'inference.GRPCInferenceService', 'grpc.health.v1.Health'];

/** The procedures of `grpc.health.v1.Health`. */
export function healthHandlers(gate: Gate, health: HealthState): UntypedServiceImplementation {
  let watchers = 0;
  const statusOf = (service: string): ServingStatus => {
    if (!HEALTH_SERVICES.includes(service)) return 'SERVICE_UNKNOWN';
    return health.ready ? 'SERVING' : 'NOT_SERVING';
  };
  const check: handleUnaryCall<HealthRequest, HealthResponse> = (call, answered) => {
    gate.pass(call.metadata, {});
    const state = statusOf(call.request.service);
    if (state === 'SERVICE_UNKNOWN') answered({ code: status.NOT_FOUND, details: 'the service is not known here' });
    else answered(null, { status: state });
  };
  const watch: handleServerStreamingCall<HealthRequest, HealthResponse> = (call) => {
    gate.pass(call.metadata, {});
    if (watchers >= MAX_WATCHERS) {
      const details = `${MAX_WATCHERS} streams watch already`;
      return void call.emit('error', { code: status.RESOURCE_EXHAUSTED, details });
    }
    watchers += 1;
    let last: ServingStatus | undefined;
    const look = (): void => {
      const state = statusOf(call.request.service);
      if (state !== last) call.write({ status: state });
      last = state;
      if (health.phase === 'draining') call.end();
    };
    const timer = setInterval(look, LOOK_MS);
    call.once('close', () => {
      clearInterval(timer);
      watchers -= 1;
    });
    call.on('cancelled', () => call.end());
    look();
  };
  return { Check: check, Watch: watch };
}
