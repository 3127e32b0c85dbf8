import fs from 'node:fs';
import { MODEL_NAME_PATTERN } from '../../contract';
import { isDatatype, TENSOR_LIMITS } from '../tensors/tensor';
import { Form, optional } from './form';
import type { Members } from './form';
import { PIPELINE_LIMITS } from './limits';
import { Problems, problemText, quote } from './problems';
import { NodeReader } from './read-node';
import type { DeclaredTensor, NodeSpec, PipelineSpec } from './spec';
import { modelsOf } from './spec';
import { checkStructure } from './structure';

/** Pipelines of a file, and everything that is wrong with them. */
export interface ReadPipelines {
  readonly pipelines: readonly PipelineSpec[];
  /** One sentence for each fault. */
  readonly problems: readonly string[];
}

const MEMBERS = ['name', 'version', 'timeoutMs', 'required', 'access', 'inputs', 'outputs', 'root', 'nodes'];
const ACCESS = ['models', 'pipeline'] as const;

function shapeOf(form: Form, value: unknown, where: string): readonly number[] {
  const list = form.list(value, where, TENSOR_LIMITS.rank, 0);
  return list.map((size, axis) => form.integer(size, `${where}[${axis}]`, -1, TENSOR_LIMITS.elements));
}

function tensorOf(form: Form, value: unknown, where: string): DeclaredTensor {
  if (typeof value === 'string') return { name: form.tensor(value, where), datatype: undefined, shape: undefined };
  const { name, datatype, shape } = form.members(value, where, ['name', 'datatype', 'shape']);
  if (datatype !== undefined && !isDatatype(datatype)) form.wrong(`${where}.datatype is none`);
  return {
    name: form.tensor(name, `${where}.name`),
    datatype: isDatatype(datatype) ? datatype : undefined,
    shape: optional(shape, (given) => shapeOf(form, given, `${where}.shape`)),
  };
}

function tensorsOf(form: Form, value: unknown, where: string): readonly DeclaredTensor[] {
  const list = form.list(value, where, PIPELINE_LIMITS.tensors);
  const tensors = list.map((each, index) => tensorOf(form, each, `${where}[${index}]`));
  const names = tensors.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined) form.wrong(`${where} names ${quote(twice)} twice`);
  return tensors;
}

function nodesOf(form: Form, value: unknown, where: string): Readonly<Record<string, NodeSpec>> {
  const reader = new NodeReader(form);
  const entries = Object.entries(form.members(value, where));
  if (entries.length === 0 || entries.length > PIPELINE_LIMITS.nodes) {
    form.wrong(`${where} has ${entries.length} nodes; it has 1 to ${PIPELINE_LIMITS.nodes}`);
  }
  const nodes = entries.slice(0, PIPELINE_LIMITS.nodes).map(([name, node]) => {
    form.name(name, `a name in ${where}`);
    return [name, reader.read(node, `${where}.${name}`)] as const;
  });
  return Object.assign(Object.create(null) as Record<string, NodeSpec>, Object.fromEntries(nodes));
}

function pipelineOf(form: Form, fields: Members, where: string): PipelineSpec {
  const { version = '1', timeoutMs = PIPELINE_LIMITS.defaultTimeoutMs, required = true, access = 'models' } = fields;
  return {
    name: form.name(fields['name'], `${where}.name`, MODEL_NAME_PATTERN),
    version: form.name(version, `${where}.version`, MODEL_NAME_PATTERN),
    timeoutMs: form.integer(timeoutMs, `${where}.timeoutMs`, 1, PIPELINE_LIMITS.timeoutMs),
    required: form.flag(required, `${where}.required`),
    access: form.word(access, `${where}.access`, ACCESS, 'models'),
    inputs: tensorsOf(form, fields['inputs'], `${where}.inputs`),
    outputs: tensorsOf(form, fields['outputs'], `${where}.outputs`),
    root: form.name(fields['root'], `${where}.root`),
    nodes: nodesOf(form, fields['nodes'], `${where}.nodes`),
  };
}

/** Reads one pipeline; its graph is looked at only when its form is right. */
export function readPipeline(value: unknown, where: string, problems: Problems): PipelineSpec {
  const before = problems.list.length;
  const form = new Form(problems);
  const pipeline = pipelineOf(form, form.members(value, where, MEMBERS), where);
  if (problems.list.length === before) checkStructure(pipeline, problems);
  return pipeline;
}

function checkNames(pipelines: readonly PipelineSpec[], problems: Problems): void {
  const names = pipelines.map(({ name }) => name);
  const twice = names.find((name, index) => name !== '' && names.indexOf(name) < index);
  if (twice !== undefined) problems.add('LNMT8351', `two pipelines have the name ${quote(twice)}`);
  for (const pipeline of pipelines) {
    const inner = modelsOf(pipeline).find(({ name }) => names.includes(name));
    if (inner === undefined) continue;
    problems.add('LNMT8352', `pipeline ${quote(pipeline.name)}: ${quote(inner.name)} is a pipeline, not a model`);
  }
}

/** Reads `{"pipelines": […]}` and reports everything that is wrong with it at once. */
export function parsePipelines(text: string): ReadPipelines {
  const problems = new Problems();
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return { pipelines: [], problems: ['LNMT8351: the file is not JSON'] };
  }
  const form = new Form(problems);
  const fields = form.members(document, 'the file', ['pipelines']);
  const list = form.list(fields['pipelines'], 'pipelines', PIPELINE_LIMITS.pipelines, 0);
  const pipelines = list.map((each, index) => readPipeline(each, `pipelines[${index}]`, problems));
  checkNames(pipelines, problems);
  return { pipelines, problems: problems.list.map(problemText) };
}

/** Reads a file of pipelines. */
export function readPipelinesFile(file: string): ReadPipelines {
  const nothing = (what: string): ReadPipelines => ({ pipelines: [], problems: [`LNMT8351: ${what}`] });
  try {
    if (fs.statSync(file).size > PIPELINE_LIMITS.fileBytes) {
      return nothing(`the file is over ${PIPELINE_LIMITS.fileBytes} bytes`);
    }
    return parsePipelines(fs.readFileSync(file, 'utf8'));
  } catch {
    return nothing('the file cannot be read');
  }
}
