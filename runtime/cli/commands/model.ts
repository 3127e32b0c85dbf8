import type { Command } from 'commander';
import { INFERENCE_ENV, MODEL_NAME_PATTERN, modelStorePath, renderModelManifest } from '../../contract';
import { parseStoreUri } from '../../inference/models/location';
import { unusableIdentifier, unusableStore } from '../errors';
import type { Io } from '../io';
import { progress, say, sayJson } from '../io';
import type { PushTarget } from '../model/push';
import { registerBaseline } from './baseline';
import { registerModelInspect } from './model-inspect';
import { registerModelOptimize } from './model-optimize';
import { registerModelQuantize } from './model-quantize';

interface PushOptions {
  readonly version: string;
  readonly store: string;
  readonly endpoint?: string;
  readonly region?: string;
  readonly json?: boolean;
}

/** `Model.fromStore` takes whole numbers from 1. */
const VERSION_PATTERN = /^[1-9][0-9]{0,8}$/;

const EXAMPLES = `
The version appears in the store as NAME/VERSION/model.onnx, with the weight files that the graph names beside it, and
manifest.json, written last. A version never changes: the same content again is no error, other content is refused.

Examples:
  lnmt model push digits model.onnx --version 3 --store file://$PWD/models
  lnmt model push digits model.onnx --version 3 \\
    --store "$(terraform -chdir=cdktf.out/stacks/ml-infra output -raw model_store)"`;

/** Adds `lnmt model` and what it can do. */
export function registerModel(program: Command, io: Io): void {
  const model = program.command('model').description('Models: look into them, make them smaller, and push them.');
  registerBaseline(model, io);
  registerModelInspect(model, io);
  registerModelOptimize(model, io);
  registerModelQuantize(model, io);
  model
    .command('push')
    .description('Publish an ONNX file as a version of a model.')
    .argument('<name>', 'name of the model')
    .argument('<file>', 'ONNX file')
    .requiredOption('--version <number>', 'version, a whole number from 1')
    .requiredOption('--store <uri>', 'file:///folder or s3://bucket/prefix')
    .option('--endpoint <url>', `S3-compatible store other than AWS (default: $${INFERENCE_ENV.s3Endpoint.name})`)
    .option('--region <name>', `region of the bucket (default: $${INFERENCE_ENV.s3Region.name})`)
    .option('--json', 'print JSON')
    .addHelpText('after', EXAMPLES)
    .action((name: string, file: string, options: PushOptions) => push(io, name, file, options));
}

async function push(io: Io, name: string, file: string, options: PushOptions): Promise<void> {
  const { version } = options;
  if (!MODEL_NAME_PATTERN.test(name)) throw unusableIdentifier('the name of the model', name, MODEL_NAME_PATTERN);
  if (!VERSION_PATTERN.test(version)) throw unusableIdentifier('the version', version, VERSION_PATTERN);
  const { existingFile } = await import('../model/source.js');
  const graph = existingFile(io.cwd, file);
  const target = await targetOf(io, options);
  const { readOnnxFile } = await import('../model/onnx-file.js');
  const { modelFiles } = await import('../model/files.js');
  progress(io, `reading ${file}`);
  const files = await modelFiles(graph, readOnnxFile(graph).externalData);
  const bytes = files.reduce((sum, entry) => sum + entry.bytes, 0);
  progress(io, `pushing ${files.length} files, ${bytes} bytes`);
  const outcome = await target.push({ name, version, files, manifest: renderModelManifest(files) });
  const location = `${options.store.replace(/\/+$/, '')}/${modelStorePath(name, version, '')}`;
  if (options.json) sayJson(io, { name, version: Number(version), location, files: files.length, bytes, outcome });
  else say(io, `${outcome === 'pushed' ? 'pushed to' : 'already in'} ${location}`);
}

async function targetOf(io: Io, options: PushOptions): Promise<PushTarget> {
  const store = parseStoreUri(options.store);
  if (store === undefined) throw unusableStore(options.store);
  if (store.kind === 'file') {
    const { FileTarget } = await import('../model/file-target.js');
    return new FileTarget(store.dir);
  }
  const { S3Target } = await import('../model/s3-target.js');
  const { endpointOption } = await import('../model/numbers.js');
  const endpoint = endpointOption(options.endpoint ?? io.env[INFERENCE_ENV.s3Endpoint.name]);
  const region = options.region ?? io.env[INFERENCE_ENV.s3Region.name];
  const { bucket, prefix } = store;
  return new S3Target({ bucket, prefix, ...(endpoint ? { endpoint } : {}), ...(region ? { region } : {}) });
}
