import { ADDON_ERRORS } from '../../constructs/addons/errors';
import { AWS_ERRORS } from '../../constructs/aws/errors';
import { AWS_DATA_ERRORS } from '../../constructs/aws/errors-data';
import { DELIVERY_ERRORS } from '../../constructs/delivery/errors';
import { DESCRIPTION_ERRORS } from '../../constructs/errors';
import type { ErrorDefinition } from '../../constructs/errors';
import { KUBERNETES_ERRORS } from '../../constructs/kubernetes/errors';
import { ONPREM_ERRORS } from '../../constructs/onprem/errors';
import { INFERENCE_ERRORS, MODEL_ERRORS } from '../inference/errors';
import { EDGE_ERRORS } from '../inference/edge/errors';
import { GRAPHQL_ERRORS } from '../inference/graphql/errors';
import { INSPECTOR_ERRORS } from '../inference/inspector/errors';
import { PIPELINE_ERRORS } from '../inference/pipelines/errors';
import { PIPELINE_LOAD_ERRORS } from '../inference/pipelines/problems';
import { PLUGIN_ERRORS, PROCESSING_ERRORS } from '../inference/processing/errors';
import { REGISTRY_ERRORS } from '../inference/registry/errors';
import { TRAFFIC_ERRORS } from '../inference/traffic/errors';
import { TEXT_ERRORS } from '../inference/text/errors';
import { SERVER_ERRORS, START_ERRORS } from '../shared/errors';
import { BENCH_ERRORS } from './bench/errors';
import { CLI_ERRORS } from './errors';
import { editDistance, nearest } from './near';
import { SERVE_ERRORS } from './serve/errors';

/** Every code of LNMT, by who raises it. */
const TABLES: readonly (readonly [origin: string, table: Readonly<Record<string, ErrorDefinition>>])[] = [
  ['descriptions', DESCRIPTION_ERRORS],
  ['AWS', AWS_ERRORS],
  ['AWS', AWS_DATA_ERRORS],
  ['on-premises', ONPREM_ERRORS],
  ['add-ons', ADDON_ERRORS],
  ['Kubernetes manifests', KUBERNETES_ERRORS],
  ['delivery', DELIVERY_ERRORS],
  ['the lnmt command', CLI_ERRORS],
  ['the lnmt command', SERVE_ERRORS],
  ['the lnmt command', BENCH_ERRORS],
  ['servers', SERVER_ERRORS],
  ['servers', START_ERRORS],
  ['the inference server', INFERENCE_ERRORS],
  ['the inference server', GRAPHQL_ERRORS],
  ['the inference server', EDGE_ERRORS],
  ['the inference server', TEXT_ERRORS],
  ['the inference server', MODEL_ERRORS],
  ['the inference server', INSPECTOR_ERRORS],
  ['the inference server', REGISTRY_ERRORS],
  ['the inference server', PIPELINE_ERRORS],
  ['the inference server', PIPELINE_LOAD_ERRORS],
  ['the inference server', PROCESSING_ERRORS],
  ['the inference server', PLUGIN_ERRORS],
  ['the inference server', TRAFFIC_ERRORS],
];

/** An error with its code and who raises it. */
export interface ExplainedError extends ErrorDefinition {
  readonly code: string;
  readonly origin: string;
}

/** Every error, by code. */
export function allErrors(): ReadonlyMap<string, ExplainedError> {
  const entries = TABLES.flatMap(([origin, table]) =>
    Object.entries(table).map(
      ([code, { title, explanation }]) => [code, { code, origin, title, explanation }] as const,
    ),
  );
  return new Map(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Codes that look like the given text, the most alike first. */
export function nearCodes(wanted: string, known: Iterable<string>): readonly string[] {
  const digits = wanted.replace(/\D/g, '');
  return nearest(known, (code) => editDistance(code.slice(4), digits), 1);
}
