import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { findProgram, run, runOk } from '../processes';
import { Skip } from '../suite';
import type { Checks } from '../suite';
import { root, toolsDir } from '../tools';

/** The suite stands in for base images that no registry is asked for: a Debian of its own, with Node from its npm package. */
const NODE_PACKAGE = `node-linux-${process.arch === 'arm64' ? 'arm64' : 'x64'}@22`;
const BASE = 'localhost/lnmt-test/base:1';
const BUILDER = 'localhost/lnmt-test/node:1';

/** Throws `Skip` unless images can be built here. */
export function needImages(): void {
  for (const program of ['buildah', 'debootstrap', 'unshare', 'setpriv'])
    if (!findProgram(program)) throw new Skip(`no ${program} on the PATH`);
  if (process.getuid?.() !== 0) throw new Skip('building an image without a daemon needs root here');
}

/** Builds images with a store of its own, which goes with the suite. */
export class ImageBuilder {
  private readonly env: Readonly<Record<string, string>>;

  constructor(private readonly checks: Checks) {
    const store = path.join(checks.folder, 'store');
    this.env = {
      STORAGE_DRIVER: 'vfs',
      BUILDAH_ISOLATION: 'chroot',
      CONTAINERS_STORAGE_CONF: path.join(checks.folder, 'storage.conf'),
    };
    const conf = `[storage]\ndriver = "vfs"\ngraphroot = "${store}/graph"\nrunroot = "${store}/run"\n`;
    fs.writeFileSync(path.join(checks.folder, 'storage.conf'), conf);
  }

  /** Makes the two base images. */
  async bases(): Promise<void> {
    const rootfs = await debian();
    await this.image(BASE, rootfs, []);
    const node = await this.nodeAndNpm();
    await this.image(BUILDER, rootfs, [node, '/usr/local']);
  }

  /** Builds a Dockerfile of the repository and says where its file system lies, writable for mount points only by us. */
  async build(dockerfile: string, tag: string): Promise<string> {
    const npmrc = path.join(this.checks.folder, 'npmrc');
    const setting = async (key: string): Promise<string> =>
      (await runOk('npm', ['config', 'get', key], { cwd: os.tmpdir() })).trim();
    // The build reaches the same registry, with the same trust, as this machine's npm does.
    const trusted = fs.existsSync('/etc/ssl/certs/ca-certificates.crt')
      ? 'cafile=/etc/ssl/certs/ca-certificates.crt\n'
      : '';
    fs.writeFileSync(npmrc, `registry=${await setting('registry')}\n${trusted}update-notifier=false\n`);
    const args = [
      ...[
        'bud',
        '--pull-never',
        '--format',
        'docker',
        '--layers=false',
        '-f',
        this.resolved(dockerfile),
        '--ignorefile',
        `${dockerfile}.dockerignore`,
      ],
      ...['--build-arg', `BUILD_IMAGE=${BUILDER}`, '--build-arg', `CPU_IMAGE=${BASE}`],
      ...[
        '-v',
        `${npmrc}:/root/.npmrc:ro`,
        '-v',
        '/etc/ssl/certs:/etc/ssl/certs:ro',
        '-v',
        `${await setting('cache')}:/root/.npm`,
      ],
      ...['-t', tag, root],
    ];
    await this.buildah(args, 1_200_000);
    const container = (await this.buildah(['from', '--pull-never', tag])).trim();
    return (await this.buildah(['mount', container])).trim();
  }

  /** Debian's buildah leaves out a stage that another one names through an argument: the name is filled in beforehand. */
  private resolved(dockerfile: string): string {
    const file = path.join(this.checks.folder, 'Dockerfile');
    const text = fs.readFileSync(dockerfile, 'utf8');
    const flavour = /^ARG FLAVOUR=(\w+)$/m.exec(text)?.[1] ?? '';
    fs.writeFileSync(file, text.replace(/^(FROM \S*)\$\{FLAVOUR\}/gm, `$1${flavour}`));
    return file;
  }

  /** The configuration of an image: user, command, environment. */
  async configuration(tag: string): Promise<{
    readonly User?: string;
    readonly Cmd?: readonly string[];
    readonly Env?: readonly string[];
    readonly WorkingDir?: string;
  }> {
    const inspected = JSON.parse(await this.buildah(['inspect', '--type', 'image', tag])) as {
      Docker: { config: object };
    };
    return inspected.Docker.config;
  }

  private async image(tag: string, rootfs: string, more: readonly [string, string] | readonly []): Promise<void> {
    const container = (await this.buildah(['from', 'scratch'])).trim();
    await this.buildah(['add', '-q', container, rootfs, '/']);
    if (more.length > 0) await this.buildah(['add', '-q', container, ...more]);
    await this.buildah([
      'config',
      '--env',
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      container,
    ]);
    await this.buildah(['commit', '-q', '--rm', container, tag]);
  }

  private async nodeAndNpm(): Promise<string> {
    const folder = path.join(this.checks.folder, 'node');
    fs.mkdirSync(folder);
    await runOk(
      'npm',
      ['install', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund', NODE_PACKAGE, 'npm@10'],
      { cwd: folder },
    );
    const usr = path.join(folder, 'usr-local');
    fs.mkdirSync(path.join(usr, 'bin'), { recursive: true });
    fs.mkdirSync(path.join(usr, 'lib/node_modules'), { recursive: true });
    fs.copyFileSync(
      path.join(folder, 'node_modules', NODE_PACKAGE.split('@')[0] ?? '', 'bin/node'),
      path.join(usr, 'bin/node'),
    );
    fs.chmodSync(path.join(usr, 'bin/node'), 0o755);
    fs.renameSync(path.join(folder, 'node_modules/npm'), path.join(usr, 'lib/node_modules/npm'));
    fs.symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', path.join(usr, 'bin/npm'));
    return usr;
  }

  private buildah(args: readonly string[], timeoutMs = 180_000): Promise<string> {
    return runOk('buildah', args, { env: this.env, timeoutMs });
  }
}

/** A small Debian, made once and kept in the cache of tools. */
async function debian(): Promise<string> {
  const cache = toolsDir();
  const folder = path.join(cache, 'debian-bookworm');
  if (fs.existsSync(folder)) return folder;
  fs.mkdirSync(cache, { recursive: true });
  const part = `${folder}.part`;
  fs.rmSync(part, { recursive: true, force: true });
  const args = ['--variant=minbase', '--include=ca-certificates,libstdc++6', 'bookworm', part, mirror()];
  const { code, output } = await run('debootstrap', args, { timeoutMs: 600_000 });
  if (code !== 0) throw new Skip(`no Debian to build on: ${output.trim().split('\n').at(-1) ?? ''}`);
  fs.rmSync(path.join(part, 'var/cache/apt'), { recursive: true, force: true });
  fs.renameSync(part, folder);
  return folder;
}

/** Where this machine gets its packages from. */
function mirror(): string {
  const files = [
    '/etc/apt/sources.list',
    ...fs.readdirSync('/etc/apt/sources.list.d').map((name) => `/etc/apt/sources.list.d/${name}`),
  ];
  const text = files
    .filter((file) => fs.existsSync(file))
    .map((file) => fs.readFileSync(file, 'utf8'))
    .join('\n');
  return (
    /^(?:URIs:\s*|deb\s+(?:\[.*?\]\s+)?)(https?:\S*\/debian)\/?(?:\s|$)/m.exec(text)?.[1] ??
    'http://deb.debian.org/debian'
  );
}
