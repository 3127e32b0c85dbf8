import { ConfigMemberError } from '../../models/config-members';
import { isPlainPath } from '../../models/manifest';
import { isDatatype } from '../../tensors/tensor';
import type { TensorSpec } from '../../tensors/tensor';
import { PluginError } from '../errors';
import { Members } from '../members';

/** What a plugin may do beyond computing. */
export const CAPABILITIES = ['network', 'addons'] as const;

/** One of {@link CAPABILITIES}. */
export type Capability = (typeof CAPABILITIES)[number];

/** One step that a plugin offers. */
export interface PluginStepManifest {
  readonly name: string;
  /** What it takes, in this order, by the names that the plugin has for them. */
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
}

/** What `plugin.json` says. */
export interface PluginManifest {
  readonly name: string;
  readonly version: string;
  /** File that exports the steps, below the folder of the plugin. */
  readonly entry: string;
  readonly steps: readonly PluginStepManifest[];
  readonly capabilities: readonly Capability[];
}

const MOST = { steps: 64, tensors: 32, rank: 16 } as const;
const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;

function named(members: Members, key: string): string {
  const text = members.needed(key);
  if (NAME.test(text)) return text;
  throw new ConfigMemberError(`${members.where}.${key} does not match ${NAME.source}`);
}

function tensorOf(value: unknown, where: string): TensorSpec {
  const members = new Members(value, where, ['name', 'datatype', 'shape']);
  const datatype = members.needed('datatype');
  if (!isDatatype(datatype)) throw new ConfigMemberError(`${where}.datatype is not supported`);
  const shape = members.list('shape', MOST.rank, (size, place) => {
    if (Number.isSafeInteger(size) && (size === -1 || Number(size) > 0)) return Number(size);
    throw new ConfigMemberError(`${place} is neither an integer from 1 nor -1`);
  });
  return { name: members.needed('name'), datatype, shape };
}

function tensorsOf(members: Members, key: string): readonly TensorSpec[] {
  const tensors = members.list(key, MOST.tensors, tensorOf) ?? [];
  const names = new Set(tensors.map(({ name }) => name));
  if (tensors.length > 0 && names.size === tensors.length) return tensors;
  throw new ConfigMemberError(`${members.where}.${key} names no tensor, or one twice`);
}

function stepOf(value: unknown, where: string): PluginStepManifest {
  const members = new Members(value, where, ['name', 'inputs', 'outputs']);
  return {
    name: named(members, 'name'),
    inputs: tensorsOf(members, 'inputs'),
    outputs: tensorsOf(members, 'outputs'),
  };
}

function manifestOf(text: string): PluginManifest {
  const members = new Members(JSON.parse(text), 'plugin.json', ['name', 'version', 'entry', 'steps', 'capabilities']);
  const entry = members.needed('entry');
  if (!isPlainPath(entry)) throw new ConfigMemberError('plugin.json.entry is not a plain path below the plugin');
  const steps = members.list('steps', MOST.steps, stepOf) ?? [];
  if (steps.length === 0 || new Set(steps.map(({ name }) => name)).size < steps.length) {
    throw new ConfigMemberError('plugin.json.steps names no step, or one twice');
  }
  return {
    ...{ name: named(members, 'name'), version: members.needed('version'), entry, steps },
    capabilities: members.choices('capabilities', CAPABILITIES) ?? [],
  };
}

/** Reads `plugin.json`. @throws PluginError LNMT8362 */
export function parseManifest(text: string, where: string): PluginManifest {
  try {
    return manifestOf(text);
  } catch (error) {
    const what = error instanceof ConfigMemberError ? error.message : 'plugin.json is not JSON';
    throw new PluginError('LNMT8362', `${where}: ${what}`, error);
  }
}
