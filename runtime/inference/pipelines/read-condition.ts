import { optional } from './form';
import type { Form, Members } from './form';
import { PIPELINE_LIMITS } from './limits';
import type { Comparison, Condition, Scalar, Subject } from './spec';

const COMPARISONS = ['equals', 'in', 'above', 'atLeast', 'below', 'atMost'] as const;
const SUBJECTS = ['header', 'parameter', 'tensor'] as const;
const MEMBERS = [...SUBJECTS, ...COMPARISONS, 'exists', 'at', 'axis'];
const HEADER = /^[A-Za-z0-9-]{1,64}$/;
const PARAMETER = /^[\w.-]{1,64}$/;
const MOST_AT = 2 ** 28;
const MOST_AXIS = 15;
const ALWAYS: Condition = { kind: 'all', of: [] };

/** Reads conditions; one reader for all of a node. */
export class ConditionReader {
  private tests = 0;

  constructor(private readonly form: Form) {}

  /** `{"header" | "parameter" | "tensor": NAME, …}`, or `all`, `any`, `not` of such. */
  read(value: unknown, where: string, depth = 1): Condition {
    const { form } = this;
    if (depth > PIPELINE_LIMITS.conditionDepth) {
      form.wrong(`${where} is nested more than ${PIPELINE_LIMITS.conditionDepth} deep`);
      return ALWAYS;
    }
    if (typeof value !== 'object' || value === null) {
      form.wrong(`${where} is not an object`);
      return ALWAYS;
    }
    const fields = form.members(value, where);
    for (const kind of ['all', 'any'] as const) {
      if (fields[kind] === undefined) continue;
      form.members(value, where, [kind]);
      const list = form.list(fields[kind], `${where}.${kind}`, PIPELINE_LIMITS.tests);
      return { kind, of: list.map((each, index) => this.read(each, `${where}.${kind}[${index}]`, depth + 1)) };
    }
    if (fields['not'] !== undefined) {
      form.members(value, where, ['not']);
      return { kind: 'not', of: this.read(fields['not'], `${where}.not`, depth + 1) };
    }
    return this.test(form.members(value, where, MEMBERS), where);
  }

  private test(fields: Members, where: string): Condition {
    this.tests += 1;
    if (this.tests === PIPELINE_LIMITS.tests + 1) {
      this.form.wrong(`${where}: conditions of a node have at most ${PIPELINE_LIMITS.tests} tests`);
    }
    const subject = this.subject(fields, where);
    const comparison = this.comparison(fields, where);
    const says = Object.keys(comparison).length > 0 || ('exists' in subject && subject.exists !== undefined);
    if (!says) this.form.wrong(`${where} compares with nothing; give ${COMPARISONS.join(', ')} or exists`);
    return { kind: 'test', subject, comparison };
  }

  private subject(fields: Members, where: string): Subject {
    const { form } = this;
    const named = SUBJECTS.filter((each) => fields[each] !== undefined);
    const [kind = 'header'] = named;
    if (named.length !== 1) form.wrong(`${where} names not exactly one of ${SUBJECTS.join(', ')}`);
    const strangers = kind === 'tensor' ? ['exists'] : ['at', 'axis'];
    for (const stranger of strangers) {
      if (fields[stranger] !== undefined) form.wrong(`${where}.${stranger} does not go with ${kind}`);
    }
    if (kind === 'tensor') {
      const tensor = form.tensor(fields['tensor'], `${where}.tensor`);
      const axis = optional(fields['axis'], (value) => form.integer(value, `${where}.axis`, 0, MOST_AXIS));
      if (axis !== undefined && fields['at'] !== undefined) form.wrong(`${where} has both at and axis`);
      if (axis !== undefined) return { kind: 'size', tensor, axis };
      return { kind: 'element', tensor, at: form.integer(fields['at'] ?? 0, `${where}.at`, 0, MOST_AT) };
    }
    const name = form.name(fields[kind] ?? '', `${where}.${kind}`, kind === 'header' ? HEADER : PARAMETER);
    const exists = optional(fields['exists'], (value) => form.flag(value, `${where}.exists`));
    return { kind, name: kind === 'header' ? name.toLowerCase() : name, ...(exists === undefined ? {} : { exists }) };
  }

  private comparison(fields: Members, where: string): Comparison {
    const found: Record<string, unknown> = {};
    for (const key of COMPARISONS) {
      const value = fields[key];
      if (value === undefined) continue;
      if (key === 'equals') found[key] = this.scalar(value, `${where}.${key}`);
      else if (key === 'in') {
        const list = this.form.list(value, `${where}.in`, PIPELINE_LIMITS.values);
        found[key] = list.map((each, index) => this.scalar(each, `${where}.in[${index}]`));
      } else if (typeof value === 'number' && Number.isFinite(value)) found[key] = value;
      else this.form.wrong(`${where}.${key} is not a number`);
    }
    return found;
  }

  private scalar(value: unknown, where: string): Scalar {
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
    this.form.wrong(`${where} is not a text, a number, true or false`);
    return '';
  }
}
