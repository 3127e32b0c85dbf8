import { isObject } from './terraform-json';
import type { Json, JsonObject } from './terraform-json';

/**
 * Renders the small part of Helm's template language that generated charts may use: values, string literals, parentheses, `index`,
 * `print`, and the filters `toJson`, `quote`, `squote`, `toString`, `b64enc`, `indent` and `nindent`. Anything else is an error, so that a chart
 * which needs more is seen at once. The integration suite `helm` holds this against real Helm, byte for byte.
 */
export function renderTemplate(text: string, values: JsonObject): string {
  return text.replace(
    /(?:\s*\{\{-\s|\{\{)((?:"(?:[^"\\]|\\.)*"|`[^`]*`|[^"`])*?)(?:\s-\}\}\s*|\}\})/g,
    (_, action: string) => evaluate(action.trim(), values),
  );
}

function evaluate(action: string, values: JsonObject): string {
  return action.startsWith('/*') ? '' : display(pipeline(action, values), action);
}

function pipeline(action: string, values: JsonObject): Json | undefined {
  const [first = [], ...filters] = splitPipeline(action).map(wordsOf);
  return filters.reduce((value, words) => filter(words, value, action), term(first, values, action));
}

function term(words: readonly string[], values: JsonObject, action: string): Json | undefined {
  const [head = '', ...rest] = words;
  if (head === 'index' && rest[0] === '.Values')
    return rest.slice(1).reduce<Json | undefined>((inner, key) => member(inner, literal(key, action)), values);
  if (head === 'print') return rest.map((word) => display(term([word], values, action), action)).join('');
  if (rest.length > 0) return filter(words.slice(0, -1), term(words.slice(-1), values, action), action);
  if (head.startsWith('(')) return pipeline(head.slice(1, -1).trim(), values);
  if (/^["`]/.test(head)) return literal(head, action);
  const path = /^\.Values((?:\.\w+)*)$/.exec(head)?.[1];
  if (path === undefined) throw new Error(`go-template: cannot evaluate {{ ${action} }}`);
  return path.split('.').slice(1).reduce<Json | undefined>(member, values);
}

function filter(words: readonly string[], value: Json | undefined, action: string): Json {
  const [name = '', argument = ''] = words;
  const padded = (): string => display(value, action).replace(/^/gm, ' '.repeat(Number(argument)));
  switch (name) {
    case 'toJson':
      return toJson(value);
    case 'quote':
      return JSON.stringify(display(value, action)).replace(/\u007f/g, '\\x7f');
    case 'squote':
      return `'${display(value, action)}'`;
    case 'toString':
      return display(value, action);
    case 'b64enc':
      return Buffer.from(display(value, action)).toString('base64');
    case 'indent':
      return padded();
    case 'nindent':
      return `\n${padded()}`;
    case 'default':
      return value === undefined || value === null || value === '' ? literal(argument, action) : value;
    case 'required':
      if (value === undefined || value === null || value === '')
        throw new Error(`go-template: ${literal(argument, action)}`);
      return value;
    default:
      throw new Error(`go-template: unknown function ${name} in {{ ${action} }}`);
  }
}

/** As Go's encoding/json writes it: the characters that would matter inside HTML are escaped. */
function toJson(value: Json | undefined): string {
  return JSON.stringify(sorted(value ?? null)).replace(
    /[<>&\u2028\u2029]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function sorted(value: Json): Json {
  if (Array.isArray(value)) return (value as readonly Json[]).map(sorted);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, sorted(value[key] ?? null)]),
  );
}

function member(value: Json | undefined, key: string): Json | undefined {
  return isObject(value) ? value[key] : undefined;
}

function display(value: Json | undefined, action: string): string {
  if (value === undefined || value === null) throw new Error(`go-template: {{ ${action} }} has no value`);
  if (typeof value === 'object') throw new Error(`go-template: {{ ${action} }} would print a list or a map`);
  return String(value);
}

function literal(word: string, action: string): string {
  if (word.startsWith('`')) return word.slice(1, -1);
  if (word.startsWith('"')) return JSON.parse(word) as string;
  throw new Error(`go-template: expected a literal in {{ ${action} }}, got ${word}`);
}

const STRING = '"(?:[^"\\\\]|\\\\.)*"|`[^`]*`';
const GROUP = `\\((?:${STRING}|[^()"\`])*\\)`;

function splitPipeline(action: string): string[] {
  return (action.match(new RegExp(`(?:${STRING}|${GROUP}|[^|"\`(])+`, 'g')) ?? []).map((stage) => stage.trim());
}

function wordsOf(stage: string): string[] {
  return stage.match(new RegExp(`${STRING}|${GROUP}|[^\\s"\`()]+`, 'g')) ?? [];
}
