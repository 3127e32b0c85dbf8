import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { INFERENCE_ENV } from '../../../runtime/contract';
import type { EnvSettings } from '../../../runtime/contract';
import { pushModel } from './models';
import { ServerProcess } from './process';
import { temporaryFolder } from './temporary';

/** A store with one model, as `lnmt model push` leaves it. */
export class TextStore {
  readonly dir = temporaryFolder();

  constructor(
    readonly name: string,
    files: Record<string, Uint8Array>,
  ) {
    pushModel(this.dir, name, '1', files);
  }

  /** The graph. */
  get file(): string {
    return path.join(this.dir, this.name, '1', 'model.onnx');
  }

  /** Starts a server that serves it, and waits until it is ready. */
  async serve(settings: EnvSettings<typeof INFERENCE_ENV> = {}): Promise<ServerProcess> {
    const server = ServerProcess.start({
      ...{ modelName: this.name, modelVersion: '1', modelUri: pathToFileURL(this.dir).href },
      ...settings,
    });
    await server.ready();
    return server;
  }

  remove(): void {
    fs.rmSync(this.dir, { recursive: true, force: true });
  }
}
