import { describe, expect, test } from 'vitest';
import { EXIT_CODES } from '../../../runtime/contract';
import * as errors from '../../../runtime/cli/errors';
import { CliError } from '../../../runtime/cli/failure';

const { usage, failure, missingPrerequisite } = EXIT_CODES;

const CASES: readonly (readonly [error: CliError, exitCode: number, message: string])[] = [
  [errors.badInvocation('--x is wrong', 'y', 'drop it'), usage, 'LNMT6001: --x is wrong; got y; drop it'],
  [
    errors.noProgram('here', 'no file'),
    usage,
    'LNMT6002: there is no program to run: no file; got here; run `lnmt init`',
  ],
  [errors.programFailed('npx tsx', 1, ''), failure, 'LNMT6003: `npx tsx` ended with code 1; correct the program'],
  [
    errors.noOutput('out'),
    usage,
    'LNMT6004: there is no synthesized output; got out; allowed: a folder with manifest.json',
  ],
  [
    errors.inTheWay(['a', 'b'], 'move them'),
    usage,
    'LNMT6005: nothing was written, because something is there already; got a, b',
  ],
  [errors.unreadable('f', 'not JSON', 'write it'), usage, 'LNMT6006: f cannot be used: not JSON; write it'],
  [
    errors.valuesMissing('ml', ['a', 'b']),
    usage,
    'LNMT6007: the outputs lack 2 of the values that stack ml waits for; got a, b',
  ],
  [
    errors.valuesUnknown('ml', ['c'], ['a']),
    usage,
    'LNMT6008: the outputs hold 1 values that stack ml does not know; got c; allowed: a',
  ],
  [
    errors.toolMissing('it', ['a', 'b'], 'get one'),
    missingPrerequisite,
    'LNMT6009: it needs one of these programs; got none of them in PATH; allowed: a, b',
  ],
  [errors.toolFailed('docker push', null, ''), failure, 'LNMT6010: `docker push` ended with a signal; got no message'],
  [
    errors.sourcesMissing('inference', 'D'),
    missingPrerequisite,
    'LNMT6011: the sources of image inference are not here; got no D',
  ],
  [errors.notOnnx('f', 'no graph'), usage, 'LNMT6012: f is not an ONNX model: no graph'],
  [
    errors.unusableStore('gs://x'),
    usage,
    'LNMT6013: the model store cannot be used; got "gs://x"; allowed: file:///folder',
  ],
  [
    errors.versionTaken('m', '1', 'with other content'),
    usage,
    'LNMT6014: version 1 of model m is in the store already: with other content',
  ],
  [
    errors.packageMissing('p', 'this'),
    missingPrerequisite,
    'LNMT6015: this needs the package p; got it is not installed; run `npm install p`',
  ],
  [errors.storeFailed('s3://b', 'denied'), failure, 'LNMT6016: s3://b cannot be written: denied'],
  [errors.idTaken('a', 'keys.json'), usage, 'LNMT6017: keys.json holds a key a already'],
  [errors.unknownCode('9', ['LNMT1']), usage, 'LNMT6018: the code is not known; got "9"; allowed: LNMT1'],
  [errors.nothingToRun('out', []), usage, 'LNMT6019: no Deployment runs an image of LNMT; got no Deployments in out'],
  [
    errors.lateBoundNeeded('URI', '<x>'),
    usage,
    'LNMT6020: URI is known only after deployment; got <x>; pass --models DIR',
  ],
  [
    errors.foreignCommand('d', ['sh'], ['node', 'm']),
    usage,
    'LNMT6021: d does not start the program of its image; got sh; allowed: node m',
  ],
  [errors.notReady('d', 'code 1'), failure, 'LNMT6022: d did not become ready: code 1'],
  [errors.prerequisitesMissing(['node']), missingPrerequisite, 'LNMT6023: 1 required check failed; got node'],
  [
    errors.modelDataMissing('w', 'gone'),
    usage,
    'LNMT6024: the model keeps weights in "w": gone; allowed: plain relative paths',
  ],
  [
    errors.signatureUnfit('w is not signed'),
    usage,
    'LNMT6027: the signature beside the model does not fit it: w is not signed; allowed: a signature over every file',
  ],
  [errors.unusableIdentifier('the id', '', /a/), usage, 'LNMT6025: the id cannot be used; got ""; allowed: a'],
];

const refused = (code: string, more: object): CliError | undefined =>
  errors.fileRefused(Object.assign(new Error(`${code}: said the system`), { code, ...more }));

describe('what the system says of a file', () => {
  test.each([
    ['EACCES', { path: '/x', syscall: 'open' }, usage, 'LNMT6028: /x cannot be used: permission is denied'],
    [
      'EISDIR',
      { syscall: 'read' },
      usage,
      'LNMT6028: a file cannot be used: it is a folder; got EISDIR: said the system',
    ],
    ['ENOSPC', { syscall: 'write' }, failure, 'LNMT6028: a file cannot be used: the disk is full'],
  ])('is no defect of the command: %s', (code, more, exitCode, message) => {
    expect(refused(code, more)?.exitCode).toBe(exitCode);
    expect(refused(code, more)?.message).toContain(message);
  });

  test.each([
    ['EACCES', { syscall: 'listen', address: '127.0.0.1' }],
    ['ENOENT', { syscall: 'spawn x', path: 'x' }],
    ['ECONNREFUSED', { syscall: 'connect' }],
    ['EBADF', { syscall: 'read' }],
  ])('is not what it says of other things: %s', (code, more) => {
    expect(refused(code, more)).toBeUndefined();
    expect(errors.fileRefused(code)).toBeUndefined();
  });
});

describe('errors of the command', () => {
  test.each(CASES.map(([error, exitCode, message]) => ({ error, exitCode, message })))(
    'say what is wrong and what to do: $error.code',
    ({ error, exitCode, message }) => {
      expect(error).toBeInstanceOf(CliError);
      expect(error.message).toContain(message);
      expect(error.message).toMatch(/[^.]$/);
      expect(error.exitCode).toBe(exitCode);
    },
  );
});
