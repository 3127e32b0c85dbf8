import { createHash } from 'node:crypto';
import { Yaml } from 'cdk8s';
import { describeObject } from './late-binding';
import type { BoundString, LateBinding, ManifestObject } from './late-binding';
import type { IConstruct } from 'constructs';

/** Text of an object, with the names of the late-bound values in it. */
export interface BoundText {
  readonly text: string;
  readonly values: readonly string[];
}

/** How late-bound values and literal template syntax are written in one kind of output. */
export interface TextDialect {
  /** Makes literal text safe for whatever expands the output. */
  escape(yaml: string): string;
  /** A YAML scalar that expands to the bound string. */
  scalar(bound: BoundString): string;
}

/**
 * Go templates of Helm charts. A bound scalar goes through `toJson`, which is a YAML scalar whatever the value holds: a
 * colon, a newline or a quote in it cannot change the document.
 */
export const HELM_DIALECT: TextDialect = {
  escape: (yaml) => yaml.replaceAll('{{', '{{ "{{" }}'),
  scalar: (bound) => {
    const parts = bound.map((piece) =>
      typeof piece === 'string' ? goString(piece) : `(toString .Values.${piece.value})`,
    );
    return `{{ print ${parts.join(' ')} | toJson }}`;
  },
};

/**
 * Variable substitution of Flux Kustomizations. `$${` stands for a literal `${`.
 *
 * @see https://fluxcd.io/flux/components/kustomize/kustomizations/#post-build-variable-substitution
 */
export const FLUX_DIALECT: TextDialect = {
  // A function, because `$$` in a replacement text stands for one dollar.
  escape: (yaml) => yaml.replaceAll('${', () => '$${'),
  scalar: (bound) =>
    JSON.stringify(
      bound
        .map((piece) => (typeof piece === 'string' ? piece.replaceAll('${', () => '$${') : `\${${piece.value}}`))
        .join(''),
    ),
};

/** Renders an object as YAML in a dialect. @throws LNMT4001 for tokens that cannot be bound late */
export function objectText(
  scope: IConstruct,
  object: ManifestObject,
  binding: LateBinding,
  dialect: TextDialect,
): BoundText {
  return dataText(scope, describeObject(object), object, binding, dialect);
}

/** Renders plain data as YAML in a dialect. @throws LNMT4001 for tokens that cannot be bound late */
export function dataText(
  scope: IConstruct,
  label: string,
  data: unknown,
  binding: LateBinding,
  dialect: TextDialect,
): BoundText {
  const scalars = new Map<string, string>();
  const values = new Set<string>();
  const marked = binding.bind(scope, label, data, (bound) => {
    const scalar = dialect.scalar(bound);
    const mark = `lnmt-bound-${createHash('sha256').update(scalar).digest('hex')}`;
    scalars.set(mark, scalar);
    for (const piece of bound) if (typeof piece !== 'string') values.add(piece.value);
    return mark;
  });
  let text = dialect.escape(Yaml.stringify(marked));
  for (const [mark, scalar] of scalars) text = text.replaceAll(new RegExp(`"?${mark}"?`, 'g'), () => scalar);
  return { text, values: [...values].sort() };
}

function goString(text: string): string {
  return JSON.stringify(text).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029');
}

const ACTION = /\{\{ "\{\{" \}\}|\{\{ print ((?:"(?:[^"\\]|\\.)*"|\(toString \.Values\.\w+\)| )+) \| toJson \}\}/g;
const OPERAND = /"(?:[^"\\]|\\.)*"|\(toString \.Values\.(\w+)\)/g;

/**
 * Expands a template of a generated chart, as Helm would, without Helm: for running synthesized manifests
 * locally and for writing plain manifests.
 *
 * @param missing called for a value that `values` lacks; returns its text or throws
 */
export function expandTemplate(
  template: string,
  values: Readonly<Record<string, unknown>>,
  missing: (name: string) => string,
): string {
  return template.replace(ACTION, (_action: string, operands: string | undefined) => {
    if (operands === undefined) return '{{';
    let text = '';
    for (const match of operands.matchAll(OPERAND)) {
      const name = match[1];
      if (name === undefined) text += JSON.parse(match[0]) as string;
      else text += valueText(values[name]) ?? missing(name);
    }
    return JSON.stringify(text);
  });
}

function valueText(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return undefined;
}
