import fs from 'node:fs';
import type { FastifyBaseLogger } from 'fastify';
import { StartError } from '../../shared/errors';
import { FileFollower } from '../../shared/file-follower';

const SECRET = /^[\x21-\x7e]{1,4096}$/;
const MAX_BYTES = 8192;

function read(file: string): string {
  if (fs.statSync(file).size > MAX_BYTES) throw new Error('it is too long');
  const text = fs.readFileSync(file, 'utf8').trim();
  if (SECRET.test(text)) return text;
  throw new Error('it does not hold one line of printable characters');
}

/** Follows a credential for another server in a mounted file. @throws StartError LNMT8113 */
export function followSecret(file: string, log: Pick<FastifyBaseLogger, 'info' | 'error'>): FileFollower<string> {
  try {
    return new FileFollower({
      files: [file],
      read: () => read(file),
      changed: () => log.info({ file }, 'credential for another server reloaded'),
      failed: (err) => log.error({ err, file }, 'credential for another server not reloaded, the last good one stays'),
    });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new StartError('LNMT8113', `${file}: ${why}`, error);
  }
}
