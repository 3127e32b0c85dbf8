import fs from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { PluginError } from '../errors';
import { PLUGIN_MANIFEST } from './snapshot';

/** Names of npm packages, as the registry takes them. */
const PACKAGE = /^(@[a-z0-9~-][a-z0-9._~-]{0,100}\/)?[a-z0-9~-][a-z0-9._~-]{0,100}$/;
const MOST_PLUGINS = 64;

const isThere = (file: string): Promise<boolean> =>
  fs.access(file).then(
    () => true,
    () => false,
  );

async function foldersOf(dir: string): Promise<string[]> {
  let names: string[];
  try {
    const entries = await fs.readdir(dir, { withFileTypes: true });
    names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  } catch (error) {
    throw new PluginError('LNMT8362', `${dir}: it cannot be read`, error);
  }
  const found: string[] = [];
  for (const name of names.sort()) {
    if (await isThere(path.join(dir, name, PLUGIN_MANIFEST))) found.push(path.join(dir, name));
  }
  return found;
}

/** The folder of a package, wherever Node.js looks for packages. It need not export its manifest. */
async function folderOf(name: string, from: string): Promise<string> {
  if (PACKAGE.test(name)) {
    for (const folder of createRequire(from).resolve.paths(name) ?? []) {
      const dir = path.join(folder, name);
      if (await isThere(path.join(dir, PLUGIN_MANIFEST))) return fs.realpath(dir);
    }
  }
  throw new PluginError('LNMT8362', `${JSON.stringify(name)}: there is no such package with a ${PLUGIN_MANIFEST}`);
}

/**
 * Folders of all plugins that the settings name.
 *
 * @param dir folder with a plugin in each of its subfolders that has a manifest
 * @param packages names of npm packages
 * @param from file beside which packages are looked for
 * @throws PluginError LNMT8362
 */
export async function discoverPlugins(
  dir: string | undefined,
  packages: readonly string[],
  from: string,
): Promise<readonly string[]> {
  const folders = dir === undefined ? [] : await foldersOf(path.resolve(dir));
  for (const name of packages) folders.push(await folderOf(name, from));
  if (folders.length > MOST_PLUGINS) throw new PluginError('LNMT8362', `there are more than ${MOST_PLUGINS} plugins`);
  return folders;
}
