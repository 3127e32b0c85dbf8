import fs from 'node:fs';
import path from 'node:path';
import type { FastifyBaseLogger } from 'fastify';
import { API_KEYS_FILE } from '../contract';
import { ApiKeySet, KeyFileError } from './api-keys';
import type { Principal } from './api-keys';
import { FileFollower } from './file-follower';
import { codeOf } from './file-state';

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

/** The key file of a mounted folder, followed as it changes. */
export class ApiKeyFile {
  private readonly follower: FileFollower<ApiKeySet>;

  /** @throws KeyFileError when there is no usable file to begin with */
  constructor(dir: string, log: Log) {
    const file = path.join(dir, API_KEYS_FILE);
    this.follower = new FileFollower({
      files: [file],
      read: () => read(file),
      changed: ({ ids: keys }) => log.info({ keys }, 'API keys reloaded'),
      failed: (error) => log.error({ err: error }, 'API keys not reloaded, the last good ones stay'),
    });
  }

  /** Whose key this is at `now`, in milliseconds since the epoch. */
  find(presented: string, now: number): Principal | undefined {
    return this.follower.current.find(presented, now);
  }

  /** True while the file holds what was not taken, and the last good keys are in use. */
  get refused(): boolean {
    return this.follower.refused;
  }

  /** Stops following the file. */
  close(): void {
    this.follower.close();
  }
}
