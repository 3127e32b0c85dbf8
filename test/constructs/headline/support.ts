import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { App } from 'cdktf';
import type { TerraformStack } from 'cdktf';
import type { ICloud, LnmtError, LnmtPlatformProps } from 'lnmt';
import { Auth, ClusterAccess, Images, LnmtPlatform, Model, SecretReference } from 'lnmt';
import { AwsCloud } from 'lnmt/aws';
import { OnPremCloud, OnPremFileStorage, OnPremObjectStorage } from 'lnmt/onprem';
import type { OnPremCloudProps } from 'lnmt/onprem';
import { LnmtStack } from 'lnmt/stacks';
import type { SynthesizedApp } from 'lnmt/testing';
import { FakeCloud } from 'lnmt/testing';
import { expandTemplate } from '../../../constructs/delivery';
import { parseManifests } from '../../support/manifests';
import type { Manifest } from '../../support/manifests';

/** Digests of every bundled image. */
export const digests = Object.fromEntries(
  ['inference', 'inference-cuda', 'training', 'training-cuda'].map((name) => [
    name,
    `sha256:${createHash('sha256').update(name).digest('hex')}`,
  ]),
);

export const images = Images.from('registry.example.com/lnmt', digests);
export const model = Model.fromStore('digits', 3);
export const auth = Auth.apiKeys(SecretReference.fromStore('digits-api-keys'));
export const access = ClusterAccess.publicFrom('203.0.113.0/24');

/** A site with room for everything that the tests ask for. @param more nodes beside those without accelerators */
export function site(more: OnPremCloudProps['nodes'] = []): OnPremCloud {
  return new OnPremCloud({
    network: { cidr: '10.30.0.0/16' },
    nodes: [{ shape: { vcpus: 32, memoryGiB: 128 }, count: 40 }, ...more],
    objectStore: OnPremObjectStorage.s3({
      endpoint: 'https://s3.example.com',
      bucket: 'ml',
      credentialsSecret: ['ml', 's3'],
    }),
    fileStore: OnPremFileStorage.nfs({ server: 'nfs.example.com', share: '/export/ml' }),
    registry: 'harbor.example.com/lnmt',
  });
}

/** The targets that the headline constructs are tried on. */
export const clouds: readonly (readonly [name: string, make: () => ICloud])[] = [
  ['FakeCloud', () => new FakeCloud()],
  ['AwsCloud', () => new AwsCloud({ region: 'eu-west-1' })],
  ['OnPremCloud', () => site()],
];

/** A platform and the stacks of its two halves. */
export interface TwoStacks {
  readonly infra: LnmtStack;
  readonly workloads: LnmtStack;
  readonly platform: LnmtPlatform;
}

/** A platform whose Kubernetes half is written, ready for endpoints. */
export function twoStacks(app: App, cloud: ICloud, props: Partial<LnmtPlatformProps> = {}, id = 'ml'): TwoStacks {
  const infra = new LnmtStack(app, `${id}-infra`);
  const workloads = new LnmtStack(app, `${id}-workloads`);
  const platform = new LnmtPlatform(infra, id, { cloud, access, images, ...props });
  platform.workloads(workloads);
  return { infra, workloads, platform };
}

/** What a refused description raised, and which files it left behind. */
export interface Refusal {
  readonly error: LnmtError;
  readonly files: readonly string[];
}

/** Builds and synthesizes into an empty folder, expects a coded error, and lists whatever was written. */
export function refusal(build: (app: App) => void): Refusal {
  const outdir = fs.mkdtempSync(path.join(os.tmpdir(), 'lnmt-refusal-'));
  try {
    const app = new App({ outdir, stackTraces: false });
    build(app);
    app.synth();
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error)) throw error;
    return { error: error as LnmtError, files: filesOf(outdir) };
  } finally {
    fs.rmSync(outdir, { recursive: true, force: true });
  }
  throw new Error('the description was accepted');
}

function filesOf(folder: string): string[] {
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name);
}

/** The Kubernetes objects that a stack delivers, with every late-bound value shown as `<name>`. */
export function manifestsOf(app: SynthesizedApp, stack: TerraformStack | string): readonly Manifest[] {
  const name = typeof stack === 'string' ? stack : stack.node.id;
  return [...app.files]
    .filter(([file]) => file.startsWith(`stacks/${name}/charts/`) && file.includes('/templates/'))
    .flatMap(([file, text]) =>
      parseManifests(
        expandTemplate(text, {}, (value) => `<${value}>`),
        file,
      ),
    );
}

/** The one object of a kind and name. */
export function manifest(app: SynthesizedApp, stack: string, kind: string, name: string): Manifest['object'] {
  const found = manifestsOf(app, stack).filter((object) => object.kind === kind && object.name === name);
  const [first] = found;
  if (first === undefined || found.length > 1) throw new Error(`${found.length} objects ${kind} ${name} in ${stack}`);
  return first.object;
}
