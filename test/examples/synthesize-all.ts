import fs from 'node:fs';
import path from 'node:path';
import { App } from 'cdktf';
import { exampleNames } from '../support/examples';

/** A program: synthesizes every example of its own checkout below the folder that its argument names. */
async function main(outdir: string): Promise<void> {
  for (const name of exampleNames()) {
    const file = path.resolve(__dirname, '../../examples', name, 'app.ts');
    const { build } = (await import(file)) as { readonly build: (app: App) => void };
    fs.mkdirSync(outdir, { recursive: true });
    const app = new App({ outdir: path.join(outdir, name) });
    build(app);
    app.synth();
  }
}

void main(process.argv[2] ?? 'cdktf.out');
