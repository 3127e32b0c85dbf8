import { EXIT_CODES } from '../../contract';
import { CliError } from '../failure';

const { failure, usage } = EXIT_CODES;

/** The server would not load the model. */
export function modelRefused(file: string, reason: string): CliError {
  return new CliError('LNMT6031', usage, {
    what: `${file} is refused: ${reason}`,
    remedy: 'export the model as the message asks',
  });
}

/** The rewriter finds nothing to do, or not what it needs. */
export function notRewritable(file: string, reason: string, remedy: string): CliError {
  return new CliError('LNMT6032', usage, { what: `${file} cannot be rewritten: ${reason}`, remedy });
}

/** Nothing says how accurate the result is. */
export function samplesMissing(neededBy: string, remedy: string): CliError {
  return new CliError('LNMT6033', usage, { what: `${neededBy} needs samples`, got: 'none', remedy });
}

/** A file of samples does not fit the model, or is none. */
export function samplesUnusable(file: string, reason: string): CliError {
  return new CliError('LNMT6034', usage, {
    what: `the samples in ${file} cannot be used: ${reason}`,
    remedy: 'see `lnmt model quantize --help` for the forms, and `lnmt model inspect` for what the model takes',
  });
}

/** The limits of the gate are passed over. */
export function notAccurate(failures: readonly string[]): CliError {
  return new CliError('LNMT6035', failure, {
    what: 'the new model is not accurate enough, and was not written',
    got: failures.join('; '),
    remedy: 'try --per-channel, another mode or calibration, or allow more with the option of the limit',
  });
}

/** onnxruntime fails on a model. */
export function notRunnable(which: string, reason: string): CliError {
  return new CliError('LNMT6036', failure, {
    what: `onnxruntime does not run ${which}: ${reason}`,
    remedy: 'check the model, its sizes and the samples; `lnmt model quantize --no-gate` writes without running it',
  });
}
