import type { ErrorTable } from '../../../constructs/errors';
import { EXIT_CODES } from '../../contract';
import { CliError } from '../failure';

/** Codes of `lnmt serve`. */
export const SERVE_ERRORS = {
  LNMT6051: {
    title: 'there is no model there',
    explanation:
      'lnmt serve takes ONNX files, folders with one model.onnx, folders of one model with versions as numbers, and whole repositories: NAME/VERSION/model.onnx, ours or of Triton.',
  },
  LNMT6052: {
    title: 'the server would answer anyone',
    explanation:
      'An address that others reach needs API keys. `lnmt keys create` makes a key file; `--api-keys` names it. Without `--host` only this machine reaches the server.',
  },
  LNMT6053: {
    title: 'the port is taken',
    explanation:
      'Another program listens on the port that you named. Without `--port` the next free port is taken, and printed.',
  },
  LNMT6054: {
    title: 'a model cannot be served',
    explanation:
      'The server looked at the model, or loaded it, and refused. The message holds the code and words of the server; `lnmt explain CODE` says more.',
  },
  LNMT6055: {
    title: 'the server ended by itself',
    explanation: 'Nobody asked it to. Its last words are in the message; run with `LNMT_LOG_LEVEL=info` to see more.',
  },
  LNMT6056: {
    title: 'the temporary store cannot be written',
    explanation:
      'The server serves a copy, so that a file that changes never changes an answer. The copy, and the one that the server verifies, need room in the temporary folder: twice the model, or next to nothing where the file system shares blocks. With `--watch` the server keeps copies of what served before until they take three times the model, or 1 GiB where that is more; LNMT_MODEL_CACHE_BYTES sets another bound. `TMPDIR` names another folder.',
  },
  LNMT6057: {
    title: 'two models have one name',
    explanation: 'Names of models stand in URLs. `--name` names a single model; of several, rename files or folders.',
  },
  LNMT6058: {
    title: 'the address cannot be listened on',
    explanation:
      '`--host` takes an address of this machine, or a name of one. 0.0.0.0 and :: are all of them; without it only this machine reaches the server.',
  },
} as const satisfies ErrorTable;

const { failure, usage } = EXIT_CODES;

/** A path leads to no model. */
export function noModel(place: string, reason: string): CliError {
  return new CliError('LNMT6051', usage, {
    what: `there is no model to serve: ${reason}`,
    got: place,
    allowed: 'an ONNX file, a folder with model.onnx, or a folder with NAME/VERSION/model.onnx',
    remedy: 'name the file, or the folder above the names of the models',
  });
}

/** Exposed without keys. */
export function exposedWithoutKeys(host: string): CliError {
  return new CliError('LNMT6052', usage, {
    what: 'others reach that address, and the server would answer anyone',
    got: `--host ${host}`,
    allowed: 'a loopback address, or another one with --api-keys FILE',
    remedy: 'run `lnmt keys create NAME --file keys.json` and pass --api-keys keys.json, or drop --host',
  });
}

/** Somebody listens there. */
export function portTaken(option: string, host: string, port: number): CliError {
  return new CliError('LNMT6053', usage, {
    what: `${option} cannot be listened on at ${host}`,
    got: String(port),
    remedy: `choose another port, or leave ${option} to the system with 0`,
  });
}

/** No address of this machine. */
export function addressUnusable(host: string, reason: string): CliError {
  return new CliError('LNMT6058', usage, {
    what: `--host cannot be listened on: ${reason}`,
    got: host,
    allowed: 'an address of this machine',
    remedy: 'name one of its addresses, 0.0.0.0 for all of them, or drop --host',
  });
}

/** The server refused a model. */
export function notServed(models: readonly string[], reason: string): CliError {
  return new CliError('LNMT6054', failure, {
    what: `the server cannot serve ${models.join(', ')}`,
    got: reason,
    remedy: 'correct the model; `lnmt explain` knows the code',
  });
}

/** The server is gone. */
export function serverEnded(how: string, lastWords: string): CliError {
  return new CliError('LNMT6055', failure, {
    what: `the server ended with ${how}`,
    got: lastWords || 'no message',
    remedy: 'read what it printed; memory is the usual cause of a signal',
  });
}

/** No room, or no permission. */
export function temporaryStoreFailed(folder: string, reason: string): CliError {
  return new CliError('LNMT6056', failure, {
    what: `${folder} cannot hold a copy of the model`,
    got: reason,
    remedy: 'make room there, or name a folder with room in TMPDIR',
  });
}

/** Two models would share a URL. */
export function nameTwice(name: string, places: readonly string[]): CliError {
  return new CliError('LNMT6057', usage, {
    what: `two models have the name ${name}`,
    got: places.join(', '),
    remedy: 'rename one of the files or folders, or serve them apart',
  });
}
