import type { IResolvable, IResolveContext } from 'cdktf';
import { Token } from 'cdktf';

/**
 * Plain data, which may hold tokens, as an argument of Terraform's functions and operators (`Fn`, `Op`). Every text
 * arrives as it is; cdktf alone leaves quotes, backslashes and `%{` unescaped there, and drops an empty text.
 *
 * @example
 * Fn.yamlencode(asExpression({ query: 'up{job=~"a\\d"}', url: bucket.url }))
 */
export function asExpression(data: unknown): IResolvable {
  const expression: IResolvable = {
    creationStack: [],
    resolve: (context: IResolveContext) => write(data, context),
    toString: () => Token.asString(expression),
  };
  return expression;
}

function write(data: unknown, context: IResolveContext): string {
  if (typeof data === 'string') return writeText(data, context);
  if (Token.isUnresolved(data)) return String(context.resolve(data));
  if (Array.isArray(data)) return `[${data.map((item) => write(item, context)).join(', ')}]`;
  if (typeof data !== 'object' || data === null) return String(data);
  const entries = Object.entries(data).filter(([, item]) => item !== undefined);
  return `{${entries.map(([key, item]) => `${template(key, context)} = ${write(item, context)}`).join(', ')}}`;
}

function writeText(text: string, context: IResolveContext): string {
  const [before, token, after] = text.split(TOKEN);
  return token !== undefined && before === '' && after === ''
    ? String(context.resolve(token))
    : template(text, context);
}

/** Tokens inside a text: of texts, and of numbers, which cdktf encodes in the bits of one number. */
const TOKEN = /(\$\{TfToken\[[^\]]+\]\}|-8\.10956\d*e\+298)/;

/** @see https://developer.hashicorp.com/terraform/language/expressions/strings#escape-sequences */
function template(text: string, context: IResolveContext): string {
  const pieces = text.split(TOKEN);
  // The pattern captures, so that every second piece is a token.
  return `"${pieces.map((piece, i) => (i % 2 === 1 ? interpolation(piece, context) : escape(piece))).join('')}"`;
}

function interpolation(token: string, context: IResolveContext): string {
  return `\${${String(context.resolve(token))}}`;
}

function escape(text: string): string {
  return text
    .replace(/["\\\p{Cc}\u2028\u2029]/gu, (c) => ESCAPES[c] ?? `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .replace(/([$%])(?=\{)/g, '$1$1');
}

const ESCAPES: Readonly<Record<string, string>> = { '"': '\\"', '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };
