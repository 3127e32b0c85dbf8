import fs from 'node:fs';
import { INFERENCE_ENV, MODEL_NAME_PATTERN } from '../contract';
import type { EnvValues } from '../shared/env';
import { parseModelUri, URI_FORMS } from './models/location';
import type { ModelLocation } from './models/location';
import { ConfigMemberError, membersOf, nameOf, SETTINGS_MEMBERS, settingsOf } from './models/model-config';
import type { LoadMode, ModelSpec } from './registry';

/** A model and the repository that it comes from. */
export interface ConfiguredModel extends ModelSpec {
  readonly location: ModelLocation;
}

/** What the environment says of models. */
export interface ChosenModels {
  readonly models: readonly ConfiguredModel[];
  /** Repository whose models are all served. */
  readonly repository: ModelLocation | undefined;
  /** One sentence for each fault. */
  readonly problems: readonly string[];
}

type Values = EnvValues<typeof INFERENCE_ENV>;

const MAX_FILE_BYTES = 1 << 20;
const MAX_MODELS = 1_000;
const LOADING: readonly LoadMode[] = ['pinned', 'eager', 'lazy'];

const { modelName, modelVersion, modelUri, modelsFile, modelRepository, repositoryModel, upstreamUrl } = INFERENCE_ENV;

const badName = (name: string): string => `${name} does not match ${MODEL_NAME_PATTERN.source}`;
const badUri = (name: string): string => `${name} is not ${URI_FORMS}, without credentials`;

const SINGLE = [modelName, modelVersion, modelUri] as const;

/** What is missing of the model that the environment names; nothing where it names none and there are others. */
export function missingModel(env: Readonly<Record<string, string | undefined>>): readonly string[] {
  const others = [modelsFile, modelRepository, upstreamUrl].some(({ name }) => Boolean(env[name]));
  const missing = SINGLE.filter(({ name }) => !env[name]);
  if (others && missing.length === SINGLE.length) return [];
  return missing.map(({ name, doc }) => `${name} is not set; ${doc}`);
}

/** The one model that the synthesized Deployment names. Its settings are those of the server. */
function singleModel(values: Values): Pick<ChosenModels, 'models' | 'problems'> {
  const { modelName: name, modelVersion: version, modelUri: uri } = values;
  const rows = [
    [modelName, name],
    [modelVersion, version],
    [modelUri, uri],
  ] as const;
  const problems: string[] = [];
  for (const [row, value] of rows.slice(0, 2)) {
    if (value !== undefined && !MODEL_NAME_PATTERN.test(value)) problems.push(badName(row.name));
  }
  const location = uri === undefined ? undefined : parseModelUri(uri);
  if (uri !== undefined && location === undefined) problems.push(badUri(modelUri.name));
  if (name === undefined || version === undefined || location === undefined) return { models: [], problems };
  const versions = { kind: 'specific', versions: [version] } as const;
  return { models: [{ name, versions, load: 'pinned', closed: true, location }], problems };
}

function modelOf(value: unknown, where: string, repository: ModelLocation | undefined): ConfiguredModel {
  const fields = membersOf(value, where, ['name', 'uri', 'load', ...SETTINGS_MEMBERS]);
  const { uri, load = 'lazy' } = fields;
  const mode = LOADING.find((each) => each === load);
  if (mode === undefined) throw new ConfigMemberError(`${where}.load is not ${LOADING.join(', ')}`);
  const location = typeof uri === 'string' ? parseModelUri(uri) : repository;
  if (location === undefined || (uri !== undefined && typeof uri !== 'string')) {
    throw new ConfigMemberError(`${where}.uri is not ${URI_FORMS}`);
  }
  const { versions, aliases, ...settings } = settingsOf(fields, where);
  return {
    ...{ name: nameOf(fields['name'], `${where}.name`), load: mode, location },
    ...(versions === undefined ? {} : { versions }),
    ...(aliases === undefined ? {} : { aliases }),
    ...(Object.keys(settings).length === 0 ? {} : { settings }),
  };
}

/** Reads `{"models": [{"name", "uri"?, "versions"?, "aliases"?, "load"?, …}]}`. @throws ConfigMemberError */
export function parseModelsFile(text: string, repository: ModelLocation | undefined): readonly ConfiguredModel[] {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw new ConfigMemberError('the file is not JSON');
  }
  const { models } = membersOf(document, 'the file', ['models']);
  if (!Array.isArray(models) || models.length > MAX_MODELS) {
    throw new ConfigMemberError(`models is not a list of at most ${MAX_MODELS}`);
  }
  const list = models.map((each, index) => modelOf(each, `models[${index}]`, repository));
  const twice = list.find(({ name }, index) => list.findIndex((other) => other.name === name) < index);
  if (twice) throw new ConfigMemberError(`two models have the name ${twice.name}`);
  return list;
}

function fromFile(file: string, repository: ModelLocation | undefined): Pick<ChosenModels, 'models' | 'problems'> {
  try {
    if (fs.statSync(file).size > MAX_FILE_BYTES)
      throw new ConfigMemberError(`the file is over ${MAX_FILE_BYTES} bytes`);
    return { models: parseModelsFile(fs.readFileSync(file, 'utf8'), repository), problems: [] };
  } catch (error) {
    const what = error instanceof ConfigMemberError ? error.message : 'the file cannot be read';
    return { models: [], problems: [`${modelsFile.name}: ${what}`] };
  }
}

/** The models that the environment names: one, a list in a file, a whole repository, or several of these. */
export function chooseModels(values: Values): ChosenModels {
  const uri = values.modelRepository;
  const repository = uri === undefined ? undefined : parseModelUri(uri);
  const problems = uri !== undefined && repository === undefined ? [badUri(modelRepository.name)] : [];
  const { repositoryModel: name } = values;
  if (name !== undefined && !MODEL_NAME_PATTERN.test(name)) problems.push(badName(repositoryModel.name));
  const single = singleModel(values);
  const listed =
    values.modelsFile === undefined ? { models: [], problems: [] } : fromFile(values.modelsFile, repository);
  const names = new Set(listed.models.map(({ name }) => name));
  const both = single.models.find(({ name }) => names.has(name));
  if (both) problems.push(`${modelName.name} and ${modelsFile.name} both name ${both.name}`);
  return {
    models: [...single.models, ...listed.models],
    repository,
    problems: [...problems, ...single.problems, ...listed.problems],
  };
}
