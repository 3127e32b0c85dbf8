import { splitId } from '../text/directory';
import type { TextDirectory } from '../text/directory';
import { otherTask } from '../text/errors';
import { hasTokenizer } from '../text/files';
import path from 'node:path';
import type { ModelRegistry } from './model-registry';
import type { ModelVersion } from './model-version';

/** True where a model takes text: it is loaded and does, or has a tokenizer and is loaded on demand. */
function takesText({ loaded, files }: ModelVersion): boolean {
  if (loaded !== undefined) return loaded.plane.text !== undefined;
  return files !== undefined && hasTokenizer(path.dirname(files.file));
}

/** The models of a registry that take text. */
export function textDirectory(registry: ModelRegistry): TextDirectory {
  return {
    list: () => {
      const names = registry.versions().filter((version) => version.ready && takesText(version));
      return [...new Set(names.map(({ identity }) => identity.name))].sort();
    },
    use: (id, signal, work) => {
      const { name, version } = splitId(id);
      return registry.use(name, version, signal, ({ text }) => {
        if (text === undefined) throw otherTask('text: it has no tokenizer');
        return work(text);
      });
    },
  };
}
