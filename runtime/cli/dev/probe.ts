import http from 'node:http';
import { at, isRecord, numberOr, text } from '../json';

/** An HTTP probe as the manifest states it, with the kubelet's defaults. Times in seconds. */
export interface Probe {
  readonly path: string;
  /** Name or number of a container port. */
  readonly port: string | number;
  readonly initialDelay: number;
  readonly period: number;
  readonly timeout: number;
  readonly failures: number;
  readonly successes: number;
}

/**
 * Reads a probe; undefined for none, and for kinds other than HTTP.
 *
 * @see https://kubernetes.io/docs/concepts/workloads/pods/probes/
 */
export function probeOf(value: unknown): Probe | undefined {
  const request = at(value, 'httpGet');
  if (!isRecord(request)) return undefined;
  const port = request['port'];
  return {
    path: text(request['path']) ?? '/',
    port: typeof port === 'number' ? port : (text(port) ?? ''),
    initialDelay: numberOr(at(value, 'initialDelaySeconds'), 0),
    period: numberOr(at(value, 'periodSeconds'), 10),
    timeout: numberOr(at(value, 'timeoutSeconds'), 1),
    failures: numberOr(at(value, 'failureThreshold'), 3),
    successes: numberOr(at(value, 'successThreshold'), 1),
  };
}

/** Asks once. True for a status from 200 to 399 within the time limit, as the kubelet judges. */
export function askProbe(probe: Probe, address: { readonly host: string; readonly port: number }): Promise<boolean> {
  return new Promise((resolve) => {
    const request = http.get({ ...address, path: probe.path, agent: false }, (response) => {
      response.resume();
      const status = response.statusCode ?? 0;
      resolve(status >= 200 && status < 400);
    });
    request.setTimeout(probe.timeout * 1000, () => request.destroy());
    request.once('error', () => resolve(false));
    request.once('close', () => resolve(false));
  });
}

/** Turns single answers into a verdict: so many in a row change it. */
export class ProbeVerdict {
  /** True after enough successes, false after enough failures, undefined before either. */
  current: boolean | undefined;
  private streak = 0;
  private last: boolean | undefined;

  constructor(private readonly probe: Pick<Probe, 'failures' | 'successes'>) {}

  /** Takes an answer and gives the verdict. */
  add(answer: boolean): boolean | undefined {
    this.streak = answer === this.last ? this.streak + 1 : 1;
    this.last = answer;
    if (this.streak >= (answer ? this.probe.successes : this.probe.failures)) this.current = answer;
    return this.current;
  }
}
