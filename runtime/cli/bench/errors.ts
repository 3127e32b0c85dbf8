import type { ErrorTable } from '../../../constructs/errors';
import { CLI_ENV, EXIT_CODES } from '../../contract';
import { CliError } from '../failure';

/** Codes of `lnmt bench`. */
export const BENCH_ERRORS = {
  LNMT6061: {
    title: 'there is nothing to measure at that URL',
    explanation:
      'lnmt bench takes the base URL of an endpoint, a URL with /v2/models/NAME in it, or, with `--data`, the URL of any route that answers POST.',
  },
  LNMT6062: {
    title: 'the endpoint does not say what the model takes',
    explanation:
      'Requests are made from the metadata of the model. The endpoint could not be reached, knows no such model, or wants a key: with the scope read for metadata, and with the scope manage for the list of models, which `--model` makes needless. `--data` sends requests of your own.',
  },
  LNMT6063: {
    title: 'the endpoint refuses the request',
    explanation:
      'One request is sent before any load, and it was not answered with 200. Random values suit most models and not all: `--data` sends requests that suit yours.',
  },
  LNMT6064: {
    title: 'the service level was not met',
    explanation:
      'With `--slo` the verb fails when the 99th percentile of the latency is above it, or when more than one request in a hundred failed, so that a pipeline can stop. The report is written all the same.',
  },
  LNMT6065: {
    title: 'the target is another machine',
    explanation:
      'Load on a machine of others is an attack. Loopback needs no consent; for an endpoint of yours say `--yes-remote`.',
  },
} as const satisfies ErrorTable;

const { failure, usage } = EXIT_CODES;

/** Not a URL that can be measured. */
export function noTarget(url: string, reason: string, remedy: string): CliError {
  return new CliError('LNMT6061', usage, {
    what: `there is nothing to measure: ${reason}`,
    got: url,
    allowed: 'http://HOST:PORT, http://HOST:PORT/v2/models/NAME, or with --data any URL that answers POST',
    remedy,
  });
}

const KEY = `put an API key into ${CLI_ENV.apiKey.name}`;
const NAME_IT = 'name the model with --model NAME';
const LIST_REMEDIES: Readonly<Record<number, string>> = {
  401: KEY,
  403: `take a key with the scope manage, which the list needs, or ${NAME_IT}`,
};

/** No list of models. @param status of the answer, where there was one */
export function noList(url: string, reason: string, status = 0): CliError {
  return new CliError('LNMT6062', failure, {
    what: `${url} does not list its models`,
    got: reason,
    remedy: LIST_REMEDIES[status] ?? `check the URL, or ${NAME_IT}`,
  });
}

/** No metadata. */
export function noMetadata(url: string, model: string, reason: string): CliError {
  return new CliError('LNMT6062', failure, {
    what: `${url} does not say what the model ${model} takes`,
    got: reason,
    remedy: `check the URL and the name, ${KEY}, or pass requests with --data`,
  });
}

/** The first request was not answered with 200. */
export function requestRefused(url: string, reason: string): CliError {
  return new CliError('LNMT6063', failure, {
    what: `${url} does not answer the request that would be repeated`,
    got: reason,
    remedy: 'pass requests that suit the model with --data, or sizes with --batch and --length',
  });
}

/** The measurement is worse than what was asked for. */
export function levelMissed(what: string, got: string, allowed: string): CliError {
  return new CliError('LNMT6064', failure, {
    what,
    got,
    allowed,
    remedy: 'read the report; lower the rate, or the demand',
  });
}

/** Not this machine, and nobody said that it may be. */
export function remoteTarget(host: string): CliError {
  return new CliError('LNMT6065', usage, {
    what: 'the target is another machine',
    got: host,
    allowed: 'a loopback address, or --yes-remote',
    remedy: 'make sure that the endpoint is yours, then add --yes-remote',
  });
}
