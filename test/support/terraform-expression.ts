import type { Json, JsonObject } from './terraform-json';

/** Texts and values that a Terraform expression holds only when each is escaped as it must be. */
export const AWKWARD_DATA: JsonObject = {
  quotes: `lnmt_requests_total{namespace!="",pod!=""} 'x' \\"`,
  'only quotes': '"quoted"',
  backslashes: '\\d+\\n \\ \\\\',
  newlines: 'a\nb\r\n\tc: d\n---\n',
  interpolations: '${x} $${x} $$${x} $x ${"a"}',
  directives: '%{x} %%{x} %%%{if true}%{endif} 100% %',
  braces: '{{ .Values.x }} } ${',
  unicode: 'ünï–日本 🚀 \u2028\u0085',
  controls: '\b\f\u001b',
  empty: '',
  'a bare word of YAML': 'no',
  'a number in a text': '0755',
  'an awkward key: "${k}" %{k} \\': { '': 'nothing' },
  numbers: [0, -1, 2.5, 1e21, -2.5e-7],
  booleans: [true, false],
  nothing: null,
  'empty map': {},
  'empty list': [],
  nested: [{ a: ['"', null, {}] }],
};

const PIECES = /"(?:[^"\\\n]|\\(?:["\\nrt]|u[0-9a-f]{4}))*"|=|-?\d[\d.]*(?:e[+-]\d+)?|[A-Za-z_][\w.-]*/g;

/**
 * Reads the argument of `${function(…)}` as Terraform does, as far as plain data goes: there it differs from JSON by `=`,
 * by references and by what stands for a literal `${`. The integration suite asks Terraform itself.
 *
 * @param references values by reference
 * @throws for whatever Terraform would not take for data
 */
export function readArgument(text: string, references: Readonly<Record<string, Json>> = {}): Json {
  const argument = /^\$\{\w+\((.*)\)\}$/s.exec(text)?.[1];
  if (argument === undefined) throw new Error(`no call of a function: ${text}`);
  const look = (name: string): Json => {
    const found = references[name];
    if (found === undefined) throw new Error(`unknown reference ${name} in ${text}`);
    return found;
  };
  const literal = (template: string): string =>
    template.replace(/([$%])\1\{|\$\{([^{}]*)\}|[$%]\{/g, (all, doubled?: string, name?: string) => {
      if (doubled !== undefined) return `${doubled}{`;
      if (name !== undefined) {
        const value = look(name);
        return typeof value === 'string' ? value : JSON.stringify(value);
      }
      throw new Error(`${all} is not escaped in ${text}`);
    });
  const json = argument.replace(PIECES, (piece) => {
    if (piece.startsWith('"')) return JSON.stringify(literal(JSON.parse(piece) as string));
    if (piece === '=') return ':';
    return /^(?:[-\d].*|true|false|null)$/.test(piece) ? piece : JSON.stringify(look(piece));
  });
  return JSON.parse(json) as Json;
}
