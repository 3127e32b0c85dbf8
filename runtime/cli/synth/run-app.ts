import fs from 'node:fs';
import path from 'node:path';
import { CLI_ENV } from '../../contract';
import { noOutput, programFailed, REFUSED_DESCRIPTION } from '../errors';
import { execute } from '../exec';
import { ForeignError } from '../failure';
import type { Io } from '../io';
import { note, progress } from '../io';
import { OUTPUT_MANIFEST } from './output';
import type { Project } from './project';

/** One run of the user's program. */
export interface SynthesisRun {
  /** Output folder, absolute. */
  readonly output: string;
  /** How long the program took. */
  readonly seconds: number;
}

const CODED = /\b(LNMT\d{4})(?: \[[^\]]*\])?: .+/;
const ANNOTATION = /Encountered Annotations with level "ERROR":\n((?:\[.*\] .*\n?)+)/;
const LAST_WORDS = 300;

/**
 * Runs the user's program as `cdktf synth` does: in the project's folder, with the output folder and the context in the
 * environment.
 *
 * @param target one of the program's targets, for programs that read `LNMT_TARGET`
 * @throws ForeignError for a rule of LNMT that the program broke, LNMT6003 for any other fault, LNMT6004 where it writes
 *   nothing
 */
export async function runApp(io: Io, project: Project, target?: string): Promise<SynthesisRun> {
  const output = path.resolve(project.folder, project.output);
  // cdktf creates the last folder of the path only.
  fs.mkdirSync(output, { recursive: true });
  progress(io, `synthesizing${target === undefined ? '' : ` ${target}`}: ${project.app}`);
  const started = performance.now();
  const { code, stdout, stderr } = await execute(project.app, [], {
    cwd: project.folder,
    env: {
      ...io.env,
      CDKTF_OUTDIR: project.output,
      CDKTF_CONTEXT_JSON: JSON.stringify(project.context),
      ...(target === undefined ? {} : { [CLI_ENV.target.name]: target }),
    },
    shell: true,
  });
  if (code !== 0) throw faultOf(io, project, code, `${stdout}${stderr}`);
  if (stdout + stderr !== '') note(io, (stdout + stderr).trimEnd());
  if (!fs.existsSync(path.join(output, OUTPUT_MANIFEST))) {
    throw noOutput(output, 'end the program with app.synth(), which writes it');
  }
  return { output, seconds: (performance.now() - started) / 1000 };
}

function faultOf(io: Io, project: Project, code: number | null, printed: string): Error {
  const coded = CODED.exec(printed);
  if (coded?.[1] !== undefined) return new ForeignError(coded[1], coded[0], REFUSED_DESCRIPTION);
  const annotations = ANNOTATION.exec(printed)?.[1];
  if (annotations === undefined) note(io, printed.trimEnd());
  return programFailed(project.app, code, annotations?.trim().slice(0, LAST_WORDS) ?? '');
}
