import fs from 'node:fs';
import path from 'node:path';
import { filesBelow } from '../support/manifests';
import { runOk } from './processes';
import { SAMPLE, awsPeers, installProject, packLnmt } from './packed';
import type { Checks, Suite } from './suite';

/** The successor of cdktf, under its name. The overrides lift the exact range that the providers ask for. */
const ALIAS = 'npm:cdktn@0.24.0';

/** The documented npm alias: the same program on cdktf and on cdktn writes the same files. */
export const cdktnAlias: Suite = {
  name: 'cdktn-alias',
  timeoutMinutes: 15,
  run: async (checks: Checks) => {
    let tarball = '';
    const packed = await checks.check('builds and packs', async () => {
      tarball = await packLnmt(checks.folder);
    });
    if (!packed) return;
    const folders = { cdktf: path.join(checks.folder, 'cdktf'), cdktn: path.join(checks.folder, 'cdktn') };
    const plain = { ...awsPeers(), lnmt: `file:${tarball}` };
    const installed = await checks.check('installs with the alias and the overrides', async () => {
      await installProject(folders.cdktf, { dependencies: plain });
      const lift = { cdktf: '$cdktf' };
      await installProject(folders.cdktn, {
        dependencies: { ...plain, cdktf: ALIAS },
        overrides: { '@cdktf/provider-aws': lift, '@cdktf/provider-helm': lift },
      });
    });
    if (!installed) return;
    await checks.check('synthesizes, and only the version of the engine differs', async () => {
      for (const folder of Object.values(folders)) {
        fs.writeFileSync(path.join(folder, 'main.mjs'), SAMPLE);
        await runOk(process.execPath, ['main.mjs'], { cwd: folder });
      }
      const [one, other] = [filesOf(folders.cdktf), filesOf(folders.cdktn)];
      if (one.size === 0) throw new Error('nothing was written');
      for (const file of new Set([...one.keys(), ...other.keys()]))
        if (one.get(file) !== other.get(file)) throw new Error(`${file} differs`);
    });
  },
};

function filesOf(project: string): ReadonlyMap<string, string> {
  const out = path.join(project, 'cdktf.out');
  return new Map(
    filesBelow(out).map((file) => [file, comparable(fs.readFileSync(path.join(out, file), 'utf8'), file)]),
  );
}

// The two engines indent empty lists differently and write their own version.
function comparable(text: string, file: string): string {
  if (!file.endsWith('.json')) return text;
  return JSON.stringify(JSON.parse(text)).replace(/"version":"0\.\d+\.\d+"/, '"version":"…"');
}
