import { isIP } from 'node:net';
import { INFERENCE_ENV } from '../../contract';
import type { EnvValues } from '../../shared/env';
import { isLoopback } from '../access-config';
import { isForbidden } from '../models/guarded-http';
import { MAX_HEADERS, mayPass } from './passed-on';

type Values = EnvValues<typeof INFERENCE_ENV>;

const ENV = INFERENCE_ENV;

/** A URL of another server that may be told secrets: https, or http on this machine; no credentials in it. */
function isTrusted(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  if (url.username || url.password || url.search || url.hash || url.hostname === '') return false;
  const literal = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(literal) !== 0 && isForbidden(literal, { privateAllowed: true })) return false;
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname));
}

function badUrl(name: string, value: string | undefined): string[] {
  if (value === undefined || isTrusted(value)) return [];
  return [`${name} is no https URL without credentials and query, and none of http on this machine`];
}

function badHeaders(names: readonly string[]): string[] {
  const { name } = ENV.upstreamHeaders;
  if (names.length > MAX_HEADERS) return [`${name} lists ${names.length} headers; at most ${MAX_HEADERS} go along`];
  const bad = names.find((each) => !mayPass(each));
  if (bad === undefined) return [];
  return [`${name} lists ${JSON.stringify(bad)}, which is no header in lower case or one that stays on this server`];
}

/** What is wrong with the settings of the upstream server and the collector; one sentence for each fault. */
export function edgeProblems(values: Values): readonly string[] {
  const problems = [
    ...badUrl(ENV.upstreamUrl.name, values.upstreamUrl),
    ...badUrl(ENV.telemetryUrl.name, values.telemetryUrl),
    ...badHeaders(values.upstreamHeaders ?? []),
  ];
  if ((values.upstreamCertFile === undefined) !== (values.upstreamCertKeyFile === undefined)) {
    problems.push(
      `${ENV.upstreamCertFile.name} and ${ENV.upstreamCertKeyFile.name} go together; one of them is not set`,
    );
  }
  const owned = [
    [ENV.upstreamUrl, values.upstreamUrl, [ENV.upstreamKeyFile, values.upstreamKeyFile]],
    [ENV.upstreamUrl, values.upstreamUrl, [ENV.upstreamCaFile, values.upstreamCaFile]],
    [ENV.upstreamUrl, values.upstreamUrl, [ENV.upstreamHeaders, values.upstreamHeaders]],
    [ENV.telemetryUrl, values.telemetryUrl, [ENV.telemetryTokenFile, values.telemetryTokenFile]],
    [ENV.telemetryUrl, values.telemetryUrl, [ENV.telemetryCaFile, values.telemetryCaFile]],
  ] as const;
  for (const [owner, url, [row, value]] of owned) {
    if (value !== undefined && url === undefined) problems.push(`${row.name} is set without ${owner.name}`);
  }
  const { telemetryPayloads, telemetryUrl, payloadLogFile } = values;
  if (telemetryPayloads && (telemetryUrl === undefined || payloadLogFile === undefined)) {
    problems.push(`${ENV.telemetryPayloads.name} needs ${ENV.telemetryUrl.name} and ${ENV.payloadLogFile.name}`);
  }
  return problems;
}
