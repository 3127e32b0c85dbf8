import { createHash } from 'node:crypto';
import { DefaultTokenResolver, StringConcat, TerraformOutput, TerraformStack, Token, Tokenization } from 'cdktf';
import type { IConstruct } from 'constructs';
import { legalName } from '../names';
import { unbindableToken } from './errors';

/** A string of a manifest: literal pieces, and names of values that are bound late. */
export type BoundString = readonly (string | { readonly value: string })[];

const TOKEN = /\$\{TfToken\[[^\]]+\]\}/g;
const CROSS_STACK = /data\.terraform_remote_state\.cross-stack-reference-input-([\w-]+)\.outputs\.([\w-]+)/g;
const CROSS_STACK_OUTPUT = 'cross-stack-output-';
const VALUE_NAMES = { maxLength: 60, separator: '_' } as const;

/**
 * Turns Terraform tokens inside Kubernetes objects into named late-bound values. One instance serves all releases of one
 * stack, so that a value has one name there.
 *
 * cdktf mints a new token at every read of an attribute, so a value is identified by the expression that its token
 * resolves to, never by the token.
 */
export class LateBinding {
  private readonly byExpression = new Map<string, string>();
  private readonly origins = new Map<string, IConstruct>();
  private readonly values = new Map<string, { readonly token: string; readonly expression: string }>();

  constructor(private readonly stack: TerraformStack) {}

  /** The token behind a value's name. */
  token(value: string): string {
    return this.lookup(value).token;
  }

  /** The Terraform expression behind a value's name, as the stack writes it. */
  expression(value: string): string {
    return this.lookup(value).expression;
  }

  private lookup(value: string): { readonly token: string; readonly expression: string } {
    const found = this.values.get(value);
    if (found === undefined) throw new Error(`this is a bug: no late-bound value ${value}`);
    return found;
  }

  /** Splits a string into literals and late-bound values; undefined when it holds no token. */
  bindString(text: string): BoundString | undefined {
    if (!Token.isUnresolved(text)) return undefined;
    const pieces: (string | { value: string })[] = [];
    let end = 0;
    for (const match of text.matchAll(TOKEN)) {
      if (match.index > end) pieces.push(text.slice(end, match.index));
      pieces.push({ value: this.nameOf(match[0]) });
      end = match.index + match[0].length;
    }
    if (end < text.length) pieces.push(text.slice(end));
    return pieces;
  }

  /**
   * Replaces every string with tokens by what `replace` makes of it; everything else is copied.
   *
   * @param label names the data in messages, e.g. `Deployment inference/digits`
   * @throws LNMT4001 for a token in a name, map key, number, list or map
   */
  bind(scope: IConstruct, label: string, data: unknown, replace: (bound: BoundString) => string): unknown {
    const walk = (value: unknown, path: string): unknown => {
      if (typeof value === 'string') return this.walkString(scope, label, value, path, replace);
      if (typeof value === 'number' && Token.isUnresolved(value)) throw unbindableToken(scope, label, path, 'number');
      if (Array.isArray(value)) {
        if (value.some((item) => typeof item === 'string' && item.startsWith('#{TfToken['))) {
          throw unbindableToken(scope, label, path, 'list');
        }
        return value.map((item, index) => walk(item, `${path}[${index}]`));
      }
      if (typeof value !== 'object' || value === null) return value;
      return Object.fromEntries(
        Object.entries(value).map(([key, item]) => {
          const field = path === '' ? key : `${path}.${key}`;
          if (key.startsWith('&{TfToken[')) throw unbindableToken(scope, label, path, 'map');
          if (Token.isUnresolved(key)) throw unbindableToken(scope, label, path, 'map key');
          return [key, walk(item, field)];
        }),
      );
    };
    return walk(data, '');
  }

  private walkString(
    scope: IConstruct,
    label: string,
    text: string,
    path: string,
    replace: (bound: BoundString) => string,
  ): string {
    if (/[#&]\{TfToken\[/.test(text)) throw unbindableToken(scope, label, path, 'list');
    const bound = this.bindString(text);
    if (bound === undefined) return text;
    if (NAME_FIELDS.test(path)) throw unbindableToken(scope, label, path, 'name');
    return replace(bound);
  }

  private nameOf(token: string): string {
    // Preparing creates the output and the remote state when the value lives in another stack, as cdktf does itself.
    const options = { scope: this.stack, resolver: new DefaultTokenResolver(new StringConcat()) };
    Tokenization.resolve(token, { ...options, preparing: true });
    const expression = String(Tokenization.resolve(token, { ...options, preparing: false }));
    const known = this.byExpression.get(expression);
    if (known !== undefined) return known;
    const inner = expression
      .replace(/^\$\{(.*)\}$/s, '$1')
      .replace(CROSS_STACK, (_all, from: string, output: string) => this.originOf(from, output));
    let name = legalName(VALUE_NAMES, [inner.replace(/[^A-Za-z0-9]+/g, '_').replace(/^_+|_+$/g, '') || 'value']);
    if (this.values.has(name)) {
      const hash = createHash('sha256').update(expression).digest('hex').slice(0, 10);
      name = legalName(VALUE_NAMES, [`${name.slice(0, 45)}_v${hash}`]);
    }
    this.byExpression.set(expression, name);
    this.values.set(name, { token, expression });
    return name;
  }

  // The logical id of a cross-stack output has lost its dots; its construct id still says which attribute it is.
  private originOf(stackName: string, output: string): string {
    const origin = this.originStack(stackName);
    const child = origin?.node.children.find(
      (candidate) => TerraformOutput.isTerraformOutput(candidate) && candidate.friendlyUniqueId === output,
    );
    return (child?.node.id ?? output).replace(CROSS_STACK_OUTPUT, '');
  }

  private originStack(name: string): IConstruct | undefined {
    const known = this.origins.get(name);
    if (known !== undefined) return known;
    const found = this.stack.node.root.node
      .findAll()
      .find((node) => TerraformStack.isStack(node) && node.node.id === name);
    if (found !== undefined) this.origins.set(name, found);
    return found;
  }
}

/** A rendered Kubernetes object. */
export interface ManifestObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly [key: string]: unknown;
  };
  readonly [key: string]: unknown;
}

// What an object is cannot depend on a value that is not known yet.
const NAME_FIELDS = /^(apiVersion|kind|metadata\.(name|namespace|generateName))$/;

/** `Deployment inference/digits`, for messages. */
export function describeObject(object: ManifestObject): string {
  const namespace = object.metadata.namespace === undefined ? '' : `${object.metadata.namespace}/`;
  return `${object.kind} ${namespace}${object.metadata.name}`;
}
