import type { Command } from 'commander';
import { DEFAULT_IMAGE_FEATURES, IMAGE_FEATURE_NAMES } from '../../contract';
import { badInvocation } from '../errors';
import type { ImageChoice } from '../images/select';
import type { Io } from '../io';
import { note, progress, say, sayJson } from '../io';
import { ownVersion } from '../own-package';

interface ImageOptions {
  readonly registry?: string;
  readonly flavour: string;
  readonly base?: string;
  readonly features?: string;
  readonly only?: string;
  readonly context?: string;
  readonly tag?: string;
  readonly json?: boolean;
}

const REGISTRY = /^[a-zA-Z0-9][\w.-]*(:\d+)?(\/[a-z0-9]+([._-]+[a-z0-9]+)*)*$/;
const LOCAL_PREFIX = 'lnmt';

const BUILD_EXAMPLES = `
Examples:
  lnmt images build
  lnmt images build --only inference --flavour cuda --registry registry.example.com/lnmt
  lnmt images build --only inference --features s3,grpc,policies,graphql
  lnmt images build --only inference --flavour cuda --base registry.example.com/tensorrt@sha256:…`;

const PUSH_EXAMPLES = `
Examples:
  lnmt images push --registry "$(terraform -chdir=cdktf.out/stacks/ml-infra output -raw registry)"
  lnmt images push --registry registry.example.com/lnmt --json | jq .digests > images.json`;

/** Adds `lnmt images build` and `lnmt images push`. */
export function registerImages(program: Command, io: Io): void {
  const images = program.command('images').description('Container images of the servers.');
  withOptions(images.command('build').description('Build the images with docker, podman or buildah.'))
    .option('--registry <prefix>', 'prefix of the image names', LOCAL_PREFIX)
    .option(
      '--base <image>',
      'system below the server, e.g. with TensorRT or a Vulkan loader (default: of the flavour)',
    )
    .option(
      '--features <names>',
      `what the inference server can do beyond its core, of ${IMAGE_FEATURE_NAMES.join(', ')} (default: ${DEFAULT_IMAGE_FEATURES.join(',')})`,
    )
    .addHelpText('after', BUILD_EXAMPLES)
    .action((options: ImageOptions) => build(io, options));
  withOptions(images.command('push').description('Push built images and print their digests for Images.from.'))
    .requiredOption('--registry <prefix>', 'prefix of the image names, as the images were built with')
    .addHelpText('after', PUSH_EXAMPLES)
    .action((options: ImageOptions) => push(io, options));
}

function withOptions(command: Command): Command {
  return command
    .option('--flavour <name>', 'cpu or cuda', 'cpu')
    .option('--only <names>', 'images, separated by commas (default: all whose sources are there)')
    .option('--context <dir>', 'folder with the sources of LNMT (default: where this command lies)')
    .option('--tag <tag>', 'tag of the images (default: version of lnmt)')
    .option('--json', 'print JSON');
}

async function prepare(io: Io, options: ImageOptions, verb: 'build' | 'push') {
  const { buildContext, selectImages, withSources } = await import('../images/select.js');
  const { ContainerTool } = await import('../images/container-tool.js');
  const registry = options.registry?.replace(/\/+$/, '') ?? LOCAL_PREFIX;
  if (!REGISTRY.test(registry)) {
    throw badInvocation(
      '--registry is no prefix of image names',
      registry,
      'write e.g. registry.example.com/lnmt, without https://',
    );
  }
  const context = buildContext(io.cwd, options.context);
  const selected = selectImages(options);
  const asked = options.only !== undefined;
  // What was built elsewhere can be pushed by its name.
  const images = asked && verb === 'push' ? selected : withSources(selected, context, asked);
  const tagOf = ({ key }: ImageChoice): string => `${registry}/${key}:${options.tag ?? ownVersion()}`;
  return { registry, context, images, tagOf, tool: await ContainerTool.find(io) };
}

async function build(io: Io, options: ImageOptions): Promise<void> {
  const { buildArguments } = await import('../images/build-arguments.js');
  const { context, images, tagOf, tool } = await prepare(io, options, 'build');
  const built: Record<string, string> = {};
  // All before the first: a slip shows at once, not after an image was built.
  const orders = images.map((image) => ({ image, own: buildArguments(image, options) }));
  for (const { image, own } of orders) {
    progress(io, `building ${tagOf(image)} with ${tool.name}`);
    await tool.build({
      dockerfile: image.dockerfile,
      tag: tagOf(image),
      buildArgs: { FLAVOUR: image.flavour, VERSION: ownVersion(), ...own },
      context,
    });
    built[image.key] = tagOf(image);
    if (!options.json) say(io, tagOf(image));
  }
  if (options.json) sayJson(io, { images: built });
}

async function push(io: Io, options: ImageOptions): Promise<void> {
  const { registry, images, tagOf, tool } = await prepare(io, options, 'push');
  const digests: Record<string, string> = {};
  for (const image of images) {
    progress(io, `pushing ${tagOf(image)} with ${tool.name}`);
    digests[image.key] = await tool.push(tagOf(image));
  }
  if (options.json) {
    sayJson(io, { registry, digests });
    return;
  }
  note(io, 'the digests, for your program:');
  const rows = Object.entries(digests).map(([key, digest]) => `  '${key}': '${digest}',`);
  say(io, [`Images.from('${registry}', {`, ...rows, '})'].join('\n'));
}
