import { isIPv6 } from 'node:net';
import { INFERENCE_ENV } from '../../contract';
import { freePort } from '../dev/free-port';
import { addressUnusable, portTaken } from './errors';

/** Ports as they were asked for; undefined is left to the command. */
export interface WantedPorts {
  readonly host: string;
  readonly http: number | undefined;
  /** Absent: no gRPC. */
  readonly grpc: number | undefined;
}

/** Ports that are free. */
export interface ChosenPorts {
  readonly http: number;
  readonly grpc: number | undefined;
  readonly metrics: number;
}

const NEXT = 50;

async function named(option: string, host: string, wanted: number): Promise<number> {
  const port = await freePort(host, wanted);
  if (wanted !== 0 && port !== wanted) throw portTaken(option, host, wanted);
  return port;
}

async function nextFree(host: string, taken: ReadonlySet<number>): Promise<number> {
  const first = Number(INFERENCE_ENV.httpPort.default);
  for (let port = first; port < first + NEXT; port++) {
    if (!taken.has(port) && (await freePort(host, port)) === port) return port;
  }
  return freePort(host);
}

/** Chooses ports. One that was named must be free; the others are the next that are. @throws LNMT6053, LNMT6058 */
export async function choosePorts({ host, http, grpc }: WantedPorts): Promise<ChosenPorts> {
  await freePort(host).catch((error: unknown) => {
    throw addressUnusable(host, error instanceof Error ? error.message : String(error));
  });
  const chosenGrpc = grpc === undefined ? undefined : await named('--grpc-port', host, grpc);
  const taken = new Set(chosenGrpc === undefined ? [] : [chosenGrpc]);
  if (http !== undefined && http !== 0 && taken.has(http)) throw portTaken('--port', host, http);
  let chosen = http === undefined ? await nextFree(host, taken) : await named('--port', host, http);
  while (taken.has(chosen)) chosen = await freePort(host);
  taken.add(chosen);
  let metrics = await freePort(host);
  while (taken.has(metrics)) metrics = await freePort(host);
  return { http: chosen, grpc: chosenGrpc, metrics };
}

/** The base URL under which this machine reaches a server that listens on `host`. */
export function urlOf(host: string, port: number): string {
  const reachable = { '0.0.0.0': '127.0.0.1', '::': '::1' }[host] ?? host;
  return `http://${isIPv6(reachable) ? `[${reachable}]` : reachable}:${port}`;
}
