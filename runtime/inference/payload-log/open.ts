import fs from 'node:fs';
import { performance } from 'node:perf_hooks';
import type { FastifyBaseLogger } from 'fastify';
import { INFERENCE_ENV } from '../../contract';
import type { EnvValues } from '../../shared/env';
import { StartError } from '../../shared/errors';
import { PayloadLog } from './payload-log';
import type { PayloadLogOptions } from './payload-log';
import { RotatingFile } from './rotating-file';
import { readRules, ruleProblems } from './rules';

/** Settings of the payload log. */
export type PayloadSettings = Pick<
  EnvValues<typeof INFERENCE_ENV>,
  | 'payloadLogFile'
  | 'payloadLogKeyFile'
  | 'payloadLogRates'
  | 'payloadLogTensors'
  | 'payloadLogRecordBytes'
  | 'payloadLogFileBytes'
  | 'payloadLogFiles'
>;

/** Bytes of the key: fewer could be tried. */
const KEY_BYTES = { least: 16, most: 4_096 } as const;

const listsOf = ({ payloadLogRates: rates, payloadLogTensors: tensors = [] }: PayloadSettings) => ({ rates, tensors });

/** What is wrong with the settings; one sentence for each fault. */
export function payloadProblems(settings: PayloadSettings): readonly string[] {
  if (settings.payloadLogFile === undefined) return [];
  const { payloadLogFile, payloadLogKeyFile, payloadLogRates, payloadLogTensors } = INFERENCE_ENV;
  const { rates, tensors } = ruleProblems(listsOf(settings));
  return [
    ...(settings.payloadLogKeyFile === undefined
      ? [`${payloadLogKeyFile.name} is not set; ${payloadLogFile.name} needs it`]
      : []),
    ...rates.map((problem) => `${payloadLogRates.name} ${problem}`),
    ...tensors.map((problem) => `${payloadLogTensors.name} ${problem}`),
  ];
}

function readKey(file: string): Buffer {
  let key: Buffer;
  try {
    key = fs.readFileSync(file);
  } catch (error) {
    throw new StartError('LNMT8461', `${file} cannot be read`, error);
  }
  if (key.length >= KEY_BYTES.least && key.length <= KEY_BYTES.most) return key;
  throw new StartError('LNMT8461', `${file} has ${key.length} bytes; give ${KEY_BYTES.least} to ${KEY_BYTES.most}`);
}

/** Fails at start where the file can never be written, instead of dropping every record later. */
function probe(file: string): void {
  try {
    fs.closeSync(fs.openSync(file, 'a', 0o600));
  } catch (error) {
    throw new StartError('LNMT8462', error instanceof Error ? error.message : file, error);
  }
}

/** A file whose lines go elsewhere, too, once they are written. */
function teed(file: RotatingFile, also: ((lines: string) => void) | undefined): PayloadLogOptions['file'] {
  if (also === undefined) return file;
  return { append: (lines) => file.append(lines).then(() => also(lines)), close: () => file.close() };
}

/**
 * Opens the payload log; undefined where the settings name no file.
 *
 * @param also told of lines that were written
 * @throws StartError LNMT8461 for the key, LNMT8462 for the file
 */
export function openPayloadLog(
  settings: PayloadSettings,
  log: Pick<FastifyBaseLogger, 'error'>,
  counted: PayloadLogOptions['counted'],
  also?: (lines: string) => void,
): PayloadLog | undefined {
  const { payloadLogFile: path, payloadLogKeyFile: keyFile } = settings;
  if (path === undefined || keyFile === undefined) return undefined;
  const key = readKey(keyFile);
  probe(path);
  const limits = { bytes: settings.payloadLogFileBytes, files: settings.payloadLogFiles };
  return new PayloadLog({
    ...{ key, counted, rules: readRules(listsOf(settings)), maxBytes: settings.payloadLogRecordBytes },
    file: teed(new RotatingFile(path, limits), also),
    failed: (error) => log.error({ err: error }, 'the payload log cannot be written; its records are dropped'),
    now: () => performance.now(),
  });
}
