import { IMAGE_FEATURES } from '../../contract';
import type { ImageFeature } from '../../contract';
import { UNUSED } from './features';

/** One package of a lock file, by the folder that it is installed in. */
export interface LockedPackage {
  readonly version?: string;
  readonly integrity?: string;
  readonly license?: string;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly libc?: readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

/** The part of `package-lock.json` that is read. */
export interface LockFile {
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

/** System that packages with native parts are chosen for. */
export interface Platform {
  readonly os: string;
  readonly cpu: string;
  readonly libc: string;
}

/** System of the images. */
const IMAGE_PLATFORM: Platform = { os: 'linux', cpu: 'x64', libc: 'glibc' };

const SERVER = 'runtime/inference';
const MODULES = 'node_modules/';

/** Name of the package in a folder. */
export const nameOf = (folder: string): string => folder.slice(folder.lastIndexOf(MODULES) + MODULES.length);

/** Folder that `name` is found in by a file of `from`; undefined where it is not installed. */
function resolve({ packages }: LockFile, from: string, name: string): string | undefined {
  for (let base = from; ; base = base.slice(0, Math.max(0, base.lastIndexOf('/')))) {
    const folder = `${base === '' ? '' : `${base}/`}${MODULES}${name}`;
    if (packages[folder] !== undefined) return folder;
    if (base === '') return undefined;
  }
}

const admits = (list: readonly string[] | undefined, value: string): boolean =>
  list === undefined || list.includes(value);

const runsOn = ({ os, cpu, libc }: LockedPackage, platform: Platform): boolean =>
  admits(os, platform.os) && admits(cpu, platform.cpu) && admits(libc, platform.libc);

function wantedBy(name: string, entry: LockedPackage): readonly string[] {
  const { dependencies = {}, optionalDependencies = {}, peerDependencies = {}, peerDependenciesMeta = {} } = entry;
  const peers = Object.keys(peerDependencies).filter((peer) => peerDependenciesMeta[peer]?.optional !== true);
  const unused = UNUSED[name] ?? [];
  return [...Object.keys(dependencies), ...Object.keys(optionalDependencies), ...peers].filter(
    (each) => !unused.includes(each),
  );
}

/**
 * Folders of the packages that the server loads with these features, sorted.
 *
 * @throws Error where the lock file lacks the server or one of its packages
 */
export function packagesOf(
  lock: LockFile,
  features: readonly ImageFeature[],
  platform: Platform = IMAGE_PLATFORM,
): readonly string[] {
  const server = lock.packages[SERVER];
  if (server === undefined) throw new Error(`the lock file knows no ${SERVER}`);
  const found = new Set<string>();
  const visit = (from: string, names: readonly string[], isRoot: boolean): void => {
    for (const name of names) {
      const folder = resolve(lock, from, name);
      const entry = folder === undefined ? undefined : lock.packages[folder];
      if (folder === undefined || entry === undefined) {
        if (isRoot) throw new Error(`the lock file knows no ${name}`);
        continue;
      }
      if (found.has(folder) || !runsOn(entry, platform)) continue;
      found.add(folder);
      visit(folder, wantedBy(name, entry), false);
    }
  };
  const optional = new Set<string>(Object.values(IMAGE_FEATURES).flat());
  visit(
    SERVER,
    Object.keys(server.dependencies ?? {}).filter((name) => !optional.has(name)),
    true,
  );
  for (const feature of features) visit(SERVER, IMAGE_FEATURES[feature], true);
  return [...found].sort();
}

/** How many packages the core has, and how many more each feature brings. */
export function countPackages(lock: LockFile): Readonly<Record<'core' | ImageFeature, number>> {
  const core = packagesOf(lock, []).length;
  const more = Object.keys(IMAGE_FEATURES).map((feature) => [
    feature,
    packagesOf(lock, [feature as ImageFeature]).length - core,
  ]);
  return { core, ...(Object.fromEntries(more) as Record<ImageFeature, number>) };
}
