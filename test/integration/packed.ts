import fs from 'node:fs';
import path from 'node:path';
import { run, runOk } from './processes';
import { Skip } from './suite';

const root = path.resolve(__dirname, '../..');
const own = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8')) as {
  readonly devDependencies: Readonly<Record<string, string>>;
};

/** The lowest version of a package that this repository is tested with. */
export function testedVersion(name: string): string {
  const range = own.devDependencies[name];
  if (range === undefined) throw new Error(`${name} is no devDependency`);
  return range.replace(/^[\^~]/, '');
}

/** Builds and packs `lnmt`, and returns the tarball. Sources and `dist` of the checkout stay as they are. */
export async function packLnmt(folder: string): Promise<string> {
  const stage = path.join(folder, 'stage');
  fs.mkdirSync(stage, { recursive: true });
  for (const file of ['package.json', 'README.md', 'LICENSE', '.npmrc'])
    fs.copyFileSync(path.join(root, file), path.join(stage, file));
  const config = path.join(root, '.config/tsconfig.build.json');
  await runOk('npx', ['tsc', '-p', config, '--outDir', path.join(stage, 'dist')], { cwd: root, timeoutMs: 300_000 });
  await runOk('npm', ['pack', '--pack-destination', folder], { cwd: stage });
  const [tarball] = fs.readdirSync(folder).filter((file) => file.endsWith('.tgz'));
  if (tarball === undefined) throw new Error('npm pack wrote no tarball');
  return path.join(folder, tarball);
}

/** What the `package.json` of a project says beside its name. */
export interface ProjectManifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly overrides?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** An empty folder with these packages. @throws Skip where no package registry answers */
export async function installProject(folder: string, manifest: ProjectManifest): Promise<void> {
  fs.mkdirSync(folder, { recursive: true });
  const body = { name: 'sample', version: '1.0.0', private: true, type: 'commonjs', ...manifest };
  fs.writeFileSync(path.join(folder, 'package.json'), JSON.stringify(body, undefined, 2));
  fs.writeFileSync(path.join(folder, '.npmrc'), 'ignore-scripts=true\n');
  const { code, output } = await run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline'], {
    cwd: folder,
    timeoutMs: 300_000,
  });
  if (code === 0) return;
  if (/EAI_AGAIN|ENOTFOUND|ETIMEDOUT|ECONNREFUSED|ENOTCACHED|E50\d/.test(output)) throw new Skip('no package registry');
  throw new Error(output);
}

/** Packages that a project on AWS installs beside `lnmt`. */
export function awsPeers(): Record<string, string> {
  const names = ['@cdktf/provider-aws', '@cdktf/provider-helm', 'cdk8s', 'cdk8s-plus-27', 'cdktf', 'constructs'];
  return Object.fromEntries(names.map((name) => [name, testedVersion(name)]));
}

/** A program that uses every entry point that an AWS user has, and synthesizes. */
export const SAMPLE = `import { App } from 'cdktf';
import { Auth, ClusterAccess, Images, Model, Scaling, SecretReference } from 'lnmt';
import { AwsCloud } from 'lnmt/aws';
import { InferenceWorkload } from 'lnmt/kubernetes';
import { PlatformStacks } from 'lnmt/stacks';
import { FakeCloud } from 'lnmt/testing';

if (typeof InferenceWorkload !== 'function' || typeof FakeCloud !== 'function') throw new Error('an export is missing');
const app = new App();
new PlatformStacks(app, 'ml', {
  cloud: new AwsCloud({ region: 'eu-west-1' }),
  platform: { access: ClusterAccess.publicFrom('203.0.113.0/24') },
  endpoints: [
    {
      id: 'digits',
      model: Model.fromStore('digits', 3),
      scaling: Scaling.between(3, 5).cpu(70),
      auth: Auth.apiKeys(SecretReference.fromStore('digits-api-keys')),
    },
  ],
  images: Images.fromPlatform({ inference: 'sha256:${'a'.repeat(64)}' }),
});
app.synth();
`;
