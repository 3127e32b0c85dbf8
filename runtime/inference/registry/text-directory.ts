import path from 'node:path';
import type { ModelIdentity } from '../data-plane';
import { splitId } from '../text/directory';
import type { TextDirectory } from '../text/directory';
import { otherTask } from '../text/errors';
import { hasTokenizer } from '../text/files';
import type { Traffic } from '../traffic/traffic';
import type { ModelRegistry } from './model-registry';
import type { ModelVersion } from './model-version';

/** True where a model takes text: it is loaded and does, or has a tokenizer and is loaded on demand. */
function takesText({ loaded, files }: ModelVersion): boolean {
  if (loaded !== undefined) return loaded.plane.text !== undefined;
  return files !== undefined && hasTokenizer(path.dirname(files.file));
}

/** The models of a registry that take text; `traffic` says which version answers where none is named. */
export function textDirectory(registry: ModelRegistry, traffic: Pick<Traffic, 'route'>): TextDirectory {
  const served = (): readonly ModelIdentity[] =>
    registry
      .versions()
      .filter((version) => version.ready && takesText(version))
      .map(({ identity }) => identity);
  return {
    list: () => [...new Set(served().map(({ name }) => name))].sort(),
    has: (id) => {
      const { name, version } = splitId(id);
      const wanted = version === undefined ? undefined : registry.known(name, version);
      return served().some((each) => each.name === name && (version === undefined || each.version === wanted?.version));
    },
    use: (id, call, work) => {
      const { name, version: named } = splitId(id);
      return traffic.route({ ...call, name, version: named }, (version) =>
        registry.use(name, version, { signal: call.signal }, ({ text }) => {
          if (text === undefined) throw otherTask('text: it has no tokenizer, or steps that text would pass by');
          return work(text);
        }),
      );
    },
  };
}
