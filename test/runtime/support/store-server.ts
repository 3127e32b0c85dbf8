import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { portOf } from './listening';

/** A store behind HTTP that can be taken off the network and brought back at the same address. */
export class StoreServer {
  private readonly server: http.Server;
  /** Requests that found it down are cut, as by a network that is gone. */
  down = false;
  /** What is answered in place of every file, as a network that wants a sign-in does. @default - nothing */
  instead: { readonly status: number; readonly text: string } | undefined;
  asked = 0;

  private constructor(root: string) {
    this.server = http.createServer((request, response) => {
      this.asked += 1;
      if (this.down) return void request.socket.destroy();
      if (this.instead) return void response.writeHead(this.instead.status).end(this.instead.text);
      const file = path.join(root, decodeURIComponent(request.url ?? '/'));
      if (!fs.existsSync(file) || !fs.statSync(file).isFile()) return void response.writeHead(404).end();
      response.end(fs.readFileSync(file));
    });
  }

  /** A store over a folder. */
  static async over(root: string): Promise<StoreServer> {
    const store = new StoreServer(root);
    await new Promise<void>((resolve) => store.server.listen(0, '127.0.0.1', resolve));
    return store;
  }

  get url(): string {
    return `http://127.0.0.1:${portOf(this.server)}/`;
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}
