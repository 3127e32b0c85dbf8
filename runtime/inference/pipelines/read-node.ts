import { MODEL_NAME_PATTERN } from '../../contract';
import { optional } from './form';
import type { Form, Members } from './form';
import { PIPELINE_LIMITS } from './limits';
import { quote } from './problems';
import { ConditionReader } from './read-condition';
import { stepsOf } from './spec';
import type { NodeSpec, StepSpec, StickyKey, Target } from './spec';

const KINDS = ['sequence', 'switch', 'ensemble', 'splitter', 'fallback', 'map'] as const;
const STEP = ['name', 'model', 'version', 'node', 'inputs', 'outputs', 'timeoutMs', 'retries'] as const;
const COMBINATIONS = ['merge', 'mean', 'vote'] as const;
const DEPENDENCIES = ['hard', 'soft'] as const;
const KEYS = ['header', 'parameter', 'caller', 'id'] as const;
const KEY_NAME = /^[A-Za-z0-9][\w.-]{0,63}$/;

/** Reads one node. */
export class NodeReader {
  constructor(private readonly form: Form) {}

  /** `{"kind": "sequence", "steps": […]}` and the like. */
  read(value: unknown, where: string): NodeSpec {
    const { form } = this;
    const kind = form.word(form.members(value, where)['kind'], `${where}.kind`, KINDS, 'map');
    const node = this.ofKind(kind, value, where);
    const names = stepsOf(node).map(({ name }) => name);
    const twice = names.find((name, index) => name !== '' && names.indexOf(name) < index);
    if (twice !== undefined) form.wrong(`${where} has two steps with the name ${quote(twice)}; give each a name`);
    return node;
  }

  private ofKind(kind: NodeSpec['kind'], value: unknown, where: string): NodeSpec {
    const { form } = this;
    const members = (...names: readonly string[]): Members => form.members(value, where, ['kind', ...names]);
    if (kind === 'map') {
      const { tensors } = members('tensors');
      return { kind, tensors: form.renaming(tensors, `${where}.tensors`) };
    }
    if (kind === 'sequence') {
      const fields = members('steps', 'outputs');
      const list = form.list(fields['steps'], `${where}.steps`, PIPELINE_LIMITS.nodes);
      const steps = list.map((each, index) => this.step(each, `${where}.steps[${index}]`, ['dependency']));
      return { kind, steps, outputs: this.names(fields['outputs'], `${where}.outputs`) };
    }
    if (kind === 'switch') return this.switch(members('branches', 'default'), where);
    if (kind === 'fallback') {
      const branches = this.branches(members('branches'), where, (each, at) => this.step(each, at));
      return { kind, branches };
    }
    const fields = members('branches', kind === 'ensemble' ? 'combine' : 'key');
    const more = kind === 'ensemble' ? ['weight', 'dependency'] : ['weight'];
    const branches = this.branches(fields, where, (each, at) => this.weighted(each, at, more));
    if (kind === 'splitter') {
      if (branches.length > 0 && branches.every(({ weight }) => weight === 0)) {
        form.wrong(`${where}: every weight is 0`);
      }
      return { kind, branches, key: optional(fields['key'], (key) => this.key(key, `${where}.key`)) };
    }
    return {
      kind,
      branches,
      combine: form.word(fields['combine'] ?? 'merge', `${where}.combine`, COMBINATIONS, 'merge'),
    };
  }

  private branches<B>(fields: Members, where: string, read: (value: unknown, where: string) => B): readonly B[] {
    const list = this.form.list(fields['branches'], `${where}.branches`, PIPELINE_LIMITS.branches);
    return list.map((each, index) => read(each, `${where}.branches[${index}]`));
  }

  private switch(fields: Members, where: string): NodeSpec {
    const conditions = new ConditionReader(this.form);
    const branches = this.branches(fields, where, (each, at) => {
      const when = conditions.read(this.form.members(each, at)['when'], `${at}.when`);
      return { ...this.step(each, at, ['when']), when };
    });
    const otherwise = optional(fields['default'], (each) => this.step(each, `${where}.default`));
    return { kind: 'switch', branches, otherwise };
  }

  private weighted(value: unknown, where: string, more: readonly string[]): StepSpec & { readonly weight: number } {
    const { weight = 1 } = this.form.members(value, where);
    const least = more.includes('dependency') ? 1 : 0;
    const amount = this.form.integer(weight, `${where}.weight`, least, PIPELINE_LIMITS.weight);
    return { ...this.step(value, where, more), weight: amount };
  }

  private step(value: unknown, where: string, more: readonly string[] = []): StepSpec {
    const { form } = this;
    const fields = form.members(value, where, [...STEP, ...more]);
    const target = this.target(fields, where);
    const { timeoutMs, retries = 0, inputs, outputs, name, dependency = 'hard' } = fields;
    return {
      name:
        optional(name, (text) => form.name(text, `${where}.name`)) ??
        (target.kind === 'model' ? target.model : target.node),
      target,
      inputs: optional(inputs, (map) => form.renaming(map, `${where}.inputs`)),
      outputs: optional(outputs, (map) => form.renaming(map, `${where}.outputs`)),
      timeoutMs: optional(timeoutMs, (ms) => form.integer(ms, `${where}.timeoutMs`, 1, PIPELINE_LIMITS.timeoutMs)),
      retries: form.integer(retries, `${where}.retries`, 0, PIPELINE_LIMITS.retries),
      soft: form.word(dependency, `${where}.dependency`, DEPENDENCIES, 'hard') === 'soft',
    };
  }

  private target(fields: Members, where: string): Target {
    const { form } = this;
    const { model, version, node, retries } = fields;
    if ((model === undefined) === (node === undefined)) form.wrong(`${where} names not exactly one of model, node`);
    if (node !== undefined) {
      if (version !== undefined) form.wrong(`${where}.version goes with a model only`);
      if (retries !== undefined) form.wrong(`${where}.retries goes with a model only`);
      return { kind: 'node', node: form.name(node, `${where}.node`) };
    }
    return {
      kind: 'model',
      model: model === undefined ? '' : form.name(model, `${where}.model`, MODEL_NAME_PATTERN),
      version: optional(version, (each) => form.name(each, `${where}.version`, MODEL_NAME_PATTERN)),
    };
  }

  private key(value: unknown, where: string): StickyKey {
    const fields = this.form.members(value, where, KEYS);
    const named = KEYS.filter((each) => fields[each] !== undefined);
    const [kind = 'id'] = named;
    if (named.length !== 1) this.form.wrong(`${where} names not exactly one of ${KEYS.join(', ')}`);
    if (kind === 'caller' || kind === 'id') {
      if (named.length === 1 && fields[kind] !== true) this.form.wrong(`${where}.${kind} is not true`);
      return { kind };
    }
    const name = this.form.name(fields[kind], `${where}.${kind}`, KEY_NAME);
    return { kind, name: kind === 'header' ? name.toLowerCase() : name };
  }

  private names(value: unknown, where: string): readonly string[] | undefined {
    return optional(value, (given) =>
      this.form
        .list(given, where, PIPELINE_LIMITS.tensors)
        .map((each, index) => this.form.tensor(each, `${where}[${index}]`)),
    );
  }
}
