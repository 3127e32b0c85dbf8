import fs from 'node:fs';
import path from 'node:path';
import type { FastifyBaseLogger } from 'fastify';
import { API_KEYS_FILE } from '../contract';
import { ApiKeySet, KeyFileError } from './api-keys';
import type { Principal } from './api-keys';
import { codeOf, stateOf } from './file-state';

const POLL_MS = 1_000;

type Log = Pick<FastifyBaseLogger, 'info' | 'error'>;

function read(file: string): ApiKeySet {
  let text: string;
  try {
    text = fs.readFileSync(file, 'utf8');
  } catch (error) {
    throw new KeyFileError(`${API_KEYS_FILE} cannot be read (${codeOf(error)})`);
  }
  return ApiKeySet.parse(text);
}

/**
 * The key file of a mounted folder, followed as it changes. It is polled through `stat`, because a Secret is updated
 * by swapping a link of a parent folder, which file watchers do not see.
 */
export class ApiKeyFile {
  private current: ApiKeySet;
  private state: string;
  private readonly file: string;
  private readonly timer: NodeJS.Timeout;

  /** @throws KeyFileError when there is no usable file to begin with */
  constructor(
    dir: string,
    private readonly log: Log,
  ) {
    this.file = path.join(dir, API_KEYS_FILE);
    // Taken before the content, so that a change between the two is seen at the next poll.
    this.state = stateOf(this.file);
    this.current = read(this.file);
    this.timer = setInterval(() => this.poll(), POLL_MS).unref();
  }

  /** Whose key this is at `now`, in milliseconds since the epoch. */
  find(presented: string, now: number): Principal | undefined {
    return this.current.find(presented, now);
  }

  /** Stops following the file. */
  close(): void {
    clearInterval(this.timer);
  }

  private poll(): void {
    try {
      const state = stateOf(this.file);
      if (state === this.state) return;
      this.state = state;
      this.current = read(this.file);
      this.log.info({ keys: this.current.ids }, 'API keys reloaded');
    } catch (error) {
      this.log.error({ err: error }, 'API keys not reloaded, the last good ones stay');
    }
  }
}
