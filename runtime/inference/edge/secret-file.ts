import fs from 'node:fs';
import { StartError } from '../../shared/errors';

const SECRET = /^[\x21-\x7e]{1,4096}$/;
const MAX_BYTES = 8192;
const LOOK_MS = 5_000;

/** A credential in a mounted file. A new one is taken within seconds; while the file is not good, the last one stays. */
export class SecretFile {
  private secret: string;
  private lookedAt: number;

  /**
   * @param now milliseconds of a monotonic clock
   * @throws StartError LNMT8113
   */
  constructor(
    private readonly file: string,
    private readonly now: () => number,
  ) {
    const found = this.read();
    if (found instanceof Error) throw new StartError('LNMT8113', `${file}: ${found.message}`, found);
    this.secret = found;
    this.lookedAt = now();
  }

  /** The credential as it is now. */
  get value(): string {
    const now = this.now();
    if (now - this.lookedAt >= LOOK_MS) {
      this.lookedAt = now;
      const found = this.read();
      if (typeof found === 'string') this.secret = found;
    }
    return this.secret;
  }

  private read(): string | Error {
    try {
      if (fs.statSync(this.file).size > MAX_BYTES) return new Error('it is too long');
      const text = fs.readFileSync(this.file, 'utf8').trim();
      return SECRET.test(text) ? text : new Error('it does not hold one line of printable characters');
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }
}
