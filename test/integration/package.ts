import fs from 'node:fs';
import path from 'node:path';
import { findProgram, runOk } from './processes';
import { Skip } from './suite';
import type { Checks, Suite } from './suite';
import { root } from './tools';

/** What a user's program looks like in each module system. */
const PROGRAM = `
import { App } from 'cdktf';
import { Auth, ClusterAccess, Images, Model, Scaling, SecretReference } from 'lnmt';
import { AwsCloud } from 'lnmt/aws';
import { PlatformStacks } from 'lnmt/stacks';

const app = new App({ outdir: process.argv[2] ?? 'cdktf.out' });
new PlatformStacks(app, 'ml', {
  cloud: new AwsCloud({ region: 'eu-west-1' }),
  platform: { environment: 'production', access: ClusterAccess.publicFrom('203.0.113.0/24') },
  endpoints: [
    {
      id: 'digits',
      model: Model.fromStore('digits', 3),
      scaling: Scaling.between(3, 50).cpu(70),
      auth: Auth.apiKeys(SecretReference.fromStore('digits-api-keys')),
    },
  ],
  images: Images.from('registry.example.com/lnmt', { inference: 'sha256:' + '0'.repeat(64) }),
});
app.synth();
`;

const RESOLUTIONS = { node10: 'commonjs', node16: 'node16', bundler: 'esnext' } as const;

/** The package as a user gets it: packed, installed beside its peers, compiled and run. */
export const packaged: Suite = {
  name: 'package',
  timeoutMinutes: 10,
  run: async (checks: Checks) => {
    if (!findProgram('npm')) throw new Skip('no npm on the PATH');
    const manifest = readManifest();
    const tarball = await pack(checks);
    const folder = path.join(checks.folder, 'user');
    await checks.check('installs into an empty folder with one cloud and its peers', () =>
      install(folder, tarball, manifest),
    );
    for (const resolution of Object.keys(RESOLUTIONS) as (keyof typeof RESOLUTIONS)[])
      await checks.check(`compiles under moduleResolution ${resolution}`, () => compile(folder, resolution));
    for (const system of ['cjs', 'mjs'] as const)
      await checks.check(`runs as ${system === 'cjs' ? 'CommonJS' : 'an ES module'} and synthesizes the same`, () =>
        execute(folder, system),
      );
    await checks.check('loads no other cloud', () => loadsOneCloud(folder));
    await checks.check('its command answers', async () => {
      const version = await runOk(path.join(folder, 'node_modules/.bin/lnmt'), ['--version'], { cwd: folder });
      if (version.trim() !== manifest.version) throw new Error(`lnmt --version says ${version}`);
    });
    await checks.check('publint finds nothing', () =>
      runOk('npx', ['--no-install', 'publint', '--strict', tarball], { cwd: root }).then(() => undefined),
    );
    // The subpaths of node10 lie in typesVersions: attw asks for their files beside the package, where only `types` can be.
    await checks.check('are-the-types-wrong finds nothing', () =>
      runOk('npx', ['--no-install', 'attw', tarball, '--format', 'ascii', '--exclude-entrypoints', './package.json'], {
        cwd: root,
      }).then(() => undefined),
    );
  },
};

interface Manifest {
  readonly version: string;
  readonly peerDependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

function readManifest(): Manifest {
  return JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8')) as Manifest;
}

/** A tarball in the suite's folder; the working tree keeps none. */
async function pack(checks: Checks): Promise<string> {
  await runOk('npm', ['run', 'build'], { cwd: root, timeoutMs: 300_000 });
  const listed = await runOk('npm', ['pack', '--json', '--pack-destination', checks.folder], { cwd: root });
  const [{ filename }] = JSON.parse(listed.slice(listed.indexOf('['))) as [{ readonly filename: string }];
  return path.join(checks.folder, filename);
}

async function install(folder: string, tarball: string, manifest: Manifest): Promise<void> {
  fs.mkdirSync(folder);
  const peers = Object.fromEntries(
    Object.entries(manifest.peerDependencies)
      .filter(([name]) => !/provider-(google|azurerm|kubernetes)$/.test(name))
      // The same versions as here, so that the package manager's cache has them.
      .map(([name, range]) => [name, manifest.devDependencies[name] ?? range]),
  );
  const typescript = {
    typescript: manifest.devDependencies['typescript'] ?? '*',
    '@types/node': manifest.devDependencies['@types/node'] ?? '*',
  };
  fs.writeFileSync(
    path.join(folder, 'package.json'),
    JSON.stringify({
      name: 'user',
      private: true,
      dependencies: { ...peers, lnmt: `file:${tarball}` },
      devDependencies: typescript,
    }),
  );
  for (const name of ['main.ts', 'main.mts', 'main.cts']) fs.writeFileSync(path.join(folder, name), PROGRAM);
  await runOk('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'], {
    cwd: folder,
    timeoutMs: 300_000,
  });
}

async function compile(folder: string, resolution: keyof typeof RESOLUTIONS): Promise<void> {
  const files = resolution === 'node16' ? ['main.mts', 'main.cts'] : ['main.ts'];
  const flags = ['--strict', '--target', 'es2022', '--skipLibCheck', '--types', 'node', '--esModuleInterop'];
  const args = [
    ...flags,
    '--module',
    RESOLUTIONS[resolution],
    '--moduleResolution',
    resolution,
    ...(resolution === 'node16' ? [] : ['--noEmit']),
    ...files,
  ];
  await runOk(path.join(folder, 'node_modules/.bin/tsc'), args, { cwd: folder });
}

async function execute(folder: string, system: 'cjs' | 'mjs'): Promise<void> {
  const out = path.join(folder, `out-${system}`);
  await runOk(process.execPath, [`main.${system}`, out], { cwd: folder });
  const written = fs.readFileSync(path.join(out, 'stacks/ml-infra/cdk.tf.json'), 'utf8');
  const other = path.join(folder, 'out-cjs/stacks/ml-infra/cdk.tf.json');
  if (written !== fs.readFileSync(other, 'utf8')) throw new Error('the two module systems synthesize different stacks');
}

/** Subpath by subpath: what a program loads of a cloud that it does not use, and whether the index stays free of all. */
async function loadsOneCloud(folder: string): Promise<void> {
  const script = `
    require('lnmt'); require('lnmt/kubernetes'); require('lnmt/stacks');
    const early = Object.keys(require.cache).filter((file) => /@cdktf\\/provider-(aws|google|azurerm|kubernetes)/.test(file));
    require('lnmt/aws');
    const late = Object.keys(require.cache).filter((file) => /@cdktf\\/provider-(google|azurerm|kubernetes)/.test(file));
    const barrel = Object.keys(require.cache).filter((file) => /provider-aws\\/lib\\/index\\.js$/.test(file));
    console.log(JSON.stringify([...early, ...late, ...barrel]));`;
  const found = JSON.parse(await runOk(process.execPath, ['-e', script], { cwd: folder })) as string[];
  if (found.length > 0) throw new Error(`loaded without need: ${found.slice(0, 5).join(', ')}`);
}
