import { EXIT_CODES } from '../contract';
import { CliError } from './failure';

export { CLI_ERRORS } from './error-table';

const { failure, usage, invalidDescription, missingPrerequisite } = EXIT_CODES;

/** The invocation is wrong. `what` is a sentence without a full stop. */
export function badInvocation(what: string, got: string | undefined, remedy: string): CliError {
  return new CliError('LNMT6001', usage, { what, ...(got === undefined ? {} : { got }), remedy });
}

/** No command is configured. */
export function noProgram(folder: string, reason: string): CliError {
  return new CliError('LNMT6002', usage, {
    what: `there is no program to run: ${reason}`,
    got: folder,
    remedy: 'run `lnmt init`, go to the folder of cdktf.json, or pass --app',
  });
}

/** The user's program failed by itself. */
export function programFailed(command: string, code: number | null, lastWords: string): CliError {
  return new CliError('LNMT6003', failure, {
    what: `\`${command}\` ended with ${code === null ? 'a signal' : `code ${code}`}`,
    ...(lastWords === '' ? {} : { got: lastWords }),
    remedy: 'correct the program; what it printed stands above',
  });
}

/** The output folder is not one. */
export function noOutput(folder: string, remedy = 'run `lnmt synth`, or name the folder'): CliError {
  return new CliError('LNMT6004', usage, {
    what: 'there is no synthesized output',
    got: folder,
    allowed: 'a folder with manifest.json, as synthesis writes it',
    remedy,
  });
}

/** Something would be overwritten. */
export function inTheWay(files: readonly string[], remedy: string): CliError {
  return new CliError('LNMT6005', usage, {
    what: 'nothing was written, because something is there already',
    got: files.join(', '),
    remedy,
  });
}

/** A file cannot be parsed. */
export function unreadable(file: string, reason: string, remedy: string): CliError {
  return new CliError('LNMT6006', usage, { what: `${file} cannot be used: ${reason}`, remedy });
}

/** Late-bound values that the outputs lack. */
export function valuesMissing(stack: string, names: readonly string[]): CliError {
  return new CliError('LNMT6007', usage, {
    what: `the outputs lack ${names.length} of the values that stack ${stack} waits for`,
    got: names.join(', '),
    remedy: `apply stack ${stack}, then run \`terraform output -json\` in its folder`,
  });
}

/** Values that nothing waits for. */
export function valuesUnknown(stack: string, names: readonly string[], known: readonly string[]): CliError {
  return new CliError('LNMT6008', usage, {
    what: `the outputs hold ${names.length} values that stack ${stack} does not know`,
    got: names.join(', '),
    allowed: known.join(', ') || 'none',
    remedy: 'synthesize and apply again, or take the outputs of this stack',
  });
}

/** No tool of the kind is in `PATH`. */
export function toolMissing(what: string, names: readonly string[], remedy: string): CliError {
  return new CliError('LNMT6009', missingPrerequisite, {
    what: `${what} needs one of these programs`,
    got: 'none of them in PATH',
    allowed: names.join(', '),
    remedy,
  });
}

/** A tool ended with a fault. */
export function toolFailed(command: string, code: number | null, lastWords: string): CliError {
  return new CliError('LNMT6010', failure, {
    what: `\`${command}\` ended with ${code === null ? 'a signal' : `code ${code}`}`,
    got: lastWords || 'no message',
    remedy: 'correct what it complains about and run the verb again',
  });
}

/** The build context lacks a Dockerfile. */
export function sourcesMissing(image: string, file: string): CliError {
  return new CliError('LNMT6011', missingPrerequisite, {
    what: `the sources of image ${image} are not here`,
    got: `no ${file}`,
    remedy: 'clone the repository of LNMT at the tag of your version and pass its folder with --context',
  });
}

/** Not an ONNX file. */
export function notOnnx(file: string, reason: string): CliError {
  return new CliError('LNMT6012', usage, {
    what: `${file} is not an ONNX model: ${reason}`,
    remedy: 'export the model to ONNX and name the resulting file',
  });
}

/** Not the URI of a store. */
export function unusableStore(uri: string): CliError {
  return new CliError('LNMT6013', usage, {
    what: 'the model store cannot be used',
    got: JSON.stringify(uri),
    allowed: 'file:///folder or s3://bucket/prefix, without credentials',
    remedy: 'take it from the output model_store of the infrastructure stack',
  });
}

/** The version is there with other content, or half there. */
export function versionTaken(name: string, version: string, reason: string): CliError {
  return new CliError('LNMT6014', usage, {
    what: `version ${version} of model ${name} is in the store already: ${reason}`,
    remedy: 'push under another version',
  });
}

/** An optional package is absent. */
export function packageMissing(name: string, neededBy: string): CliError {
  return new CliError('LNMT6015', missingPrerequisite, {
    what: `${neededBy} needs the package ${name}`,
    got: 'it is not installed',
    remedy: `run \`npm install ${name}\` in your project`,
  });
}

/** The store refused. */
export function storeFailed(location: string, reason: string): CliError {
  return new CliError('LNMT6016', failure, {
    what: `${location} cannot be written: ${reason}`,
    remedy: 'check address, credentials and permissions, then push again',
  });
}

/** An API key of that id exists. */
export function idTaken(id: string, file: string): CliError {
  return new CliError('LNMT6017', usage, {
    what: `${file} holds a key ${id} already`,
    remedy: 'choose another id, or remove the entry first: its holder loses access',
  });
}

/** Nobody raises that code. */
export function unknownCode(code: string, near: readonly string[]): CliError {
  return new CliError('LNMT6018', usage, {
    what: 'the code is not known',
    got: JSON.stringify(code),
    ...(near.length > 0 ? { allowed: near.join(', ') } : {}),
    remedy: 'look for a slip; `lnmt explain` without a code lists all of them',
  });
}

/** No Deployment of ours. */
export function nothingToRun(folder: string, seen: readonly string[]): CliError {
  return new CliError('LNMT6019', usage, {
    what: 'no Deployment runs an image of LNMT',
    got: seen.length > 0 ? seen.join(', ') : `no Deployments in ${folder}`,
    remedy: 'add an InferenceEndpoint, or name another output with --dir',
  });
}

/** A process needs a value that only deployment knows. */
export function lateBoundNeeded(variable: string, value: string): CliError {
  return new CliError('LNMT6020', usage, {
    what: `${variable} is known only after deployment`,
    got: value,
    remedy: 'pass --models DIR with models as NAME/VERSION/model.onnx',
  });
}

/** The manifest's command is not the image's. */
export function foreignCommand(deployment: string, got: readonly string[], allowed: readonly string[]): CliError {
  return new CliError('LNMT6021', usage, {
    what: `${deployment} does not start the program of its image`,
    got: got.join(' ') || 'no command',
    allowed: allowed.join(' '),
    remedy: 'leave the command as LNMT writes it, or run this container elsewhere',
  });
}

/** Probes were not passed in time. */
export function notReady(deployment: string, reason: string): CliError {
  return new CliError('LNMT6022', failure, {
    what: `${deployment} did not become ready: ${reason}`,
    remedy: 'read its log above; a missing model is the usual cause',
  });
}

/** Checks of `doctor` failed. */
export function prerequisitesMissing(names: readonly string[]): CliError {
  return new CliError('LNMT6023', missingPrerequisite, {
    what: `${names.length} required ${names.length === 1 ? 'check' : 'checks'} failed`,
    got: names.join(', '),
    remedy: 'follow the remedies of the list and run `lnmt doctor` again',
  });
}

/** A data file of the model is absent or lies elsewhere. */
export function modelDataMissing(location: string, reason: string): CliError {
  return new CliError('LNMT6024', usage, {
    what: `the model keeps weights in ${JSON.stringify(location)}: ${reason}`,
    allowed: 'plain relative paths of files beside the model',
    remedy: 'put the file beside the model, or save the model again with its data beside it',
  });
}

/** The signature beside the model is not one over what is pushed. */
export function signatureUnfit(reason: string): CliError {
  return new CliError('LNMT6027', usage, {
    what: `the signature beside the model does not fit it: ${reason}`,
    allowed: 'a signature over every file that is pushed, and no other',
    remedy: 'sign the folder again, or take the signature away',
  });
}

/** A name that URLs, paths or logs refuse. */
export function unusableIdentifier(what: string, value: string, pattern: RegExp): CliError {
  return new CliError('LNMT6025', usage, {
    what: `${what} cannot be used`,
    got: JSON.stringify(value),
    allowed: pattern.source,
    remedy: 'choose another one',
  });
}

/** The bucket is not the account's, or not in the region. */
export function bucketTaken(bucket: string, status: number): CliError {
  return new CliError('LNMT6026', usage, {
    what: `bucket ${bucket} exists and cannot be used`,
    got: status === 301 ? 'it is in another region' : 'access is denied',
    remedy: 'choose another name, or the region and the credentials that the bucket belongs to',
  });
}

/** What can be wrong with a place, in the system's codes. */
const PLACE_FAULTS: Readonly<Record<string, string>> = {
  EACCES: 'permission is denied',
  EEXIST: 'something else is there',
  EISDIR: 'it is a folder',
  ELOOP: 'its links lead in a circle',
  ENAMETOOLONG: 'its name is too long',
  ENOENT: 'there is no such file',
  ENOTDIR: 'a part of its path is no folder',
  EPERM: 'permission is denied',
  EROFS: 'the file system is read-only',
};

/** What can be wrong with the machine at a time. */
const SHORTAGES: Readonly<Record<string, string>> = {
  EDQUOT: 'the quota is used up',
  EIO: 'its device fails',
  EMFILE: 'too many files are open',
  ENFILE: 'too many files are open',
  ENOSPC: 'the disk is full',
};

/** The system does not let a file be used. Undefined for whatever else was thrown. */
export function fileRefused(error: unknown): CliError | undefined {
  const { code = '', path, syscall = '', message } = (error instanceof Error ? error : {}) as NodeJS.ErrnoException;
  const place = PLACE_FAULTS[code];
  const reason = place ?? SHORTAGES[code];
  // Programs and addresses fail with the same codes.
  const isFile = path === undefined ? /^(read|write|fsync)$/.test(syscall) : !syscall.startsWith('spawn');
  if (reason === undefined || !isFile) return undefined;
  return new CliError('LNMT6028', place === undefined ? failure : usage, {
    what: `${path ?? 'a file'} cannot be used: ${reason}`,
    got: message,
    remedy: place === undefined ? 'make room, and run the verb again' : 'name another one, or change its permissions',
  });
}

/** Exit code of a refused description, for errors that a user's program printed. */
export const REFUSED_DESCRIPTION = invalidDescription;
