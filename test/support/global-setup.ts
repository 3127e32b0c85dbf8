import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { compilePrograms } from './compile-programs';

/**
 * Before the first test: compiles the programs, which the processes that tests start would each do otherwise, and makes
 * one folder for the temporary files of the run. Workers may be ended before they have removed theirs.
 */
export default function setup(): () => void {
  compilePrograms();
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'lnmt-run-'));
  process.env['TMPDIR'] = folder;
  return () => fs.rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}
