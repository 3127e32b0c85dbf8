import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { IMAGE_COMMANDS, INFERENCE_ENV, PORT_NAMES, TRAINING_ENV } from '../../contract';
import type { EnvVariable, ImageName } from '../../contract';
import { packageMissing } from '../errors';
import { at, text } from '../json';

/** The program behind an image, and which of its settings depend on where it runs. */
export interface LocalProgram {
  /** Package that holds it. */
  readonly package: string;
  /** Entry of the package's `bin`. */
  readonly bin: string;
  /** The same program in the sources of the package, for a checkout that was not built. */
  readonly source: string;
  /** Command of the image, which the manifest repeats. */
  readonly command: readonly string[];
  /** Every setting that it reads. */
  readonly settings: Readonly<Record<string, EnvVariable>>;
  /** Setting of the address that it listens on. */
  readonly bindAddress?: string;
  /** Settings of its ports, by port name. */
  readonly ports: Readonly<Record<string, string>>;
  /** Setting of its model store. */
  readonly modelStore?: string;
}

/** Image → local program. */
export const LOCAL_PROGRAMS: Readonly<Record<ImageName, LocalProgram>> = {
  inference: {
    package: '@lnmt/inference',
    bin: 'lnmt-inference',
    source: 'main.ts',
    command: IMAGE_COMMANDS.inference,
    settings: INFERENCE_ENV,
    bindAddress: INFERENCE_ENV.bindAddress.name,
    ports: {
      [PORT_NAMES.http]: INFERENCE_ENV.httpPort.name,
      [PORT_NAMES.grpc]: INFERENCE_ENV.grpcPort.name,
      [PORT_NAMES.metrics]: INFERENCE_ENV.metricsPort.name,
    },
    modelStore: INFERENCE_ENV.modelUri.name,
  },
  training: {
    package: '@lnmt/training',
    bin: 'lnmt-training',
    source: 'main.ts',
    command: IMAGE_COMMANDS.training,
    settings: TRAINING_ENV,
    ports: {},
  },
};

/** How to start a program. */
export interface StartCommand {
  readonly command: string;
  readonly args: readonly string[];
}

/**
 * Finds the program of an image: in the packages of the project, else beside this command.
 *
 * @param node Node.js executable
 * @throws LNMT6015 when its package is not installed
 */
export function findProgram(image: ImageName, projectFolder: string, node: string): StartCommand {
  const program = LOCAL_PROGRAMS[image];
  const manifest = [path.join(projectFolder, 'package.json'), __filename]
    .map((from) => resolveFrom(from, `${program.package}/package.json`))
    .find((file) => file !== undefined);
  if (manifest === undefined) throw packageMissing(program.package, `running image ${image} locally`);
  const folder = path.dirname(manifest);
  const bin = text(at(JSON.parse(fs.readFileSync(manifest, 'utf8')), 'bin', program.bin));
  const built = bin === undefined ? undefined : path.join(folder, bin);
  const loader = resolveFrom(__filename, 'tsx/cjs');
  const source = path.join(folder, program.source);
  // A checkout may hold an old build beside its sources.
  const fromSource = loader !== undefined && fs.existsSync(source);
  const flags = program.command.filter((word) => word.startsWith('-'));
  if (fromSource) return { command: node, args: [...flags, '--require', loader, source] };
  if (built !== undefined && fs.existsSync(built)) return { command: node, args: [...flags, built] };
  throw packageMissing(program.package, `running image ${image} locally`);
}

function resolveFrom(file: string, request: string): string | undefined {
  try {
    return createRequire(file).resolve(request);
  } catch {
    return undefined;
  }
}
