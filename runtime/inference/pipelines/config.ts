import { INFERENCE_ENV } from '../../contract';
import { readPipelinesFile } from './read-file';
import type { ReadPipelines } from './read-file';
import { quote } from './problems';

const { pipelinesFile } = INFERENCE_ENV;

/** The pipelines that the environment names; none bears the name of a model. */
export function choosePipelines(
  values: { readonly pipelinesFile: string | undefined },
  models: readonly { readonly name: string }[],
): ReadPipelines {
  if (values.pipelinesFile === undefined) return { pipelines: [], problems: [] };
  const { pipelines, problems } = readPipelinesFile(values.pipelinesFile);
  const taken = pipelines.filter(({ name }) => models.some((model) => model.name === name));
  const clashes = taken.map(({ name }) => `LNMT8351: ${quote(name)} is the name of a model, too`);
  return { pipelines, problems: [...problems, ...clashes].map((problem) => `${pipelinesFile.name}: ${problem}`) };
}
