import type { ServerMetrics } from '../observe';
import { Processing } from './processing';
import type { StepResources } from './processing';

/** The steps around models, reported in the metrics of the server. */
export function observedProcessing(resources: StepResources, metrics: ServerMetrics): Processing {
  resources.onRestart = (process) => metrics.processingRestarts.inc({ process });
  return new Processing(resources, {
    step: ({ name, version }, step, seconds) =>
      metrics.processingDuration.observe({ model: name, version, step }, seconds),
    filtered: ({ name, version }, rule, count) => metrics.processingFiltered.inc({ model: name, version, rule }, count),
    refused: ({ name, version }, code) => metrics.processingRefusals.inc({ model: name, version, code }),
  });
}
