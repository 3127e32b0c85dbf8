/** A value of a message in Protocol Buffers' text format. */
export type TextValue = string | number | boolean | TextMessage;

/** A message: every field with its values, in order. */
export type TextMessage = ReadonlyMap<string, readonly TextValue[]>;

const TOKEN = /\s+|#[^\n]*|("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|[A-Za-z_][\w.]*|[-+]?[\d.][\w.+-]*|[{}<>[\]:,;])/y;
const DEPTH = 32;
const NUMBER = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?f?$/i;

function tokens(text: string): string[] {
  const found: string[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (match === null) throw new Error(`character ${at} begins nothing`);
    if (match[1] !== undefined) found.push(match[1]);
  }
  return found;
}

/** Reads tokens; a small descent, bounded in depth. */
class Parser {
  private at = 0;

  constructor(private readonly list: readonly string[]) {}

  message(end: string | undefined, depth: number): TextMessage {
    if (depth > DEPTH) throw new Error(`messages are nested more than ${DEPTH} deep`);
    const fields = new Map<string, TextValue[]>();
    while (this.peek() !== end) {
      const name = this.next();
      if (!/^[A-Za-z_]/.test(name)) throw new Error(`'${name}' is no field`);
      const values = fields.get(name) ?? [];
      values.push(...this.values(depth));
      fields.set(name, values);
      if (this.peek() === ',' || this.peek() === ';') this.at += 1;
    }
    this.at += 1;
    return fields;
  }

  private values(depth: number): TextValue[] {
    if (this.peek() === ':') this.at += 1;
    if (this.peek() !== '[') return [this.value(depth)];
    this.at += 1;
    const values: TextValue[] = [];
    while (this.peek() !== ']') {
      values.push(this.value(depth));
      if (this.peek() === ',') this.at += 1;
    }
    this.at += 1;
    return values;
  }

  private value(depth: number): TextValue {
    const token = this.next();
    if (token === '{') return this.message('}', depth + 1);
    if (token === '<') return this.message('>', depth + 1);
    if (/^["']/.test(token)) return this.text(token);
    if (NUMBER.test(token)) return Number(token.replace(/f$/i, ''));
    if (token === 'true' || token === 'false') return token === 'true';
    if (/^[A-Za-z_]/.test(token)) return token;
    throw new Error(`'${token}' is no value`);
  }

  /** Adjacent texts are one. */
  private text(first: string): string {
    let text = first.slice(1, -1);
    while (/^["']/.test(this.peek() ?? '')) text += this.next().slice(1, -1);
    return text.replace(/\\(.)/g, '$1');
  }

  private peek(): string | undefined {
    return this.list[this.at];
  }

  private next(): string {
    const token = this.list[this.at];
    if (token === undefined) throw new Error('it ends too early');
    this.at += 1;
    return token;
  }
}

/**
 * Reads a message in Protocol Buffers' text format. Throws on anything else.
 *
 * @see https://protobuf.dev/reference/protobuf/textformat-spec/
 */
export function parseTextProto(text: string): TextMessage {
  return new Parser(tokens(text)).message(undefined, 0);
}
