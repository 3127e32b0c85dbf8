import { rollingRestart } from './r-01-rolling-restart';
import { reload } from './r-02-reload';
import { badVersion } from './r-03-bad-version';
import { hostKilled } from './r-04-host-killed';
import { hang } from './r-05-hang';
import { memoryBomb } from './r-06-memory-bomb';
import { frontKilled } from './r-07-front-killed';
import { density } from './r-08-density';
import { loadCycles } from './r-09-load-cycles';
import { overloaded } from './r-10-overload';
import { noisyTenant } from './r-11-noisy-tenant';
import { slowClients } from './r-12-slow-clients';
import { slowReaders } from './r-13-slow-readers';
import { connectionFlood } from './r-14-connection-flood';
import { disconnects } from './r-15-disconnects';
import { bodies } from './r-16-bodies';
import { json } from './r-17-json';
import { fuzz } from './r-18-fuzz';
import { onnxFuzz } from './r-19-onnx-fuzz';
import { shapes } from './r-20-shapes';
import { responseCache } from './r-21-response-cache';
import { objectStore } from './r-23-object-store';
import { diskFull } from './r-24-disk-full';
import { denied } from './r-25-denied';
import { bitRot } from './r-28-bit-rot';
import { rotation } from './r-39-rotation';
import { canary } from './r-40-canary';
import { drift } from './r-41-drift';
import { soak } from './r-42-soak';
import { metricsTruth } from './r-44-metrics-truth';
import { liveness } from './r-45-liveness';
import type { FaultCase } from './support/case';

/** Every case, in the order of their ids. */
export const cases: readonly FaultCase[] = [
  rollingRestart,
  reload,
  badVersion,
  hostKilled,
  hang,
  memoryBomb,
  frontKilled,
  density,
  loadCycles,
  overloaded,
  noisyTenant,
  slowClients,
  slowReaders,
  connectionFlood,
  disconnects,
  bodies,
  json,
  fuzz,
  onnxFuzz,
  shapes,
  responseCache,
  objectStore,
  diskFull,
  denied,
  bitRot,
  rotation,
  canary,
  drift,
  soak,
  metricsTruth,
  liveness,
];
