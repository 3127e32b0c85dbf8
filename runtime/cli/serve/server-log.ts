import { at, text } from '../json';

const FATAL = 'fatal';
const KEPT_LINES = 50;
/** onnxruntime says everything twice, and at length. */
const MOST_CHARACTERS = 400;

const cut = (words: string): string =>
  words.length <= MOST_CHARACTERS ? words : `${words.slice(0, MOST_CHARACTERS - 1)}…`;

function parsed(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return undefined;
  }
}

/** What a line of the server says to a person: level, message, cause; never a stack. */
export function sentenceOf(line: string): string {
  const entry = parsed(line);
  const message = text(at(entry, 'msg'));
  if (message === undefined) return line;
  const level = text(at(entry, 'level')) ?? 'note';
  const cause = text(at(entry, 'err', 'message'));
  const name = text(at(entry, 'name'));
  const about = name === undefined || message.includes(name) ? '' : `${name}: `;
  return cut(`${level}: ${about}${message}${cause === undefined || cause === message ? '' : `: ${cause}`}`);
}

/** The latest lines of a server that is being started: shown only when they matter. */
export class ServerLog {
  private readonly lines: string[] = [];

  /** Keeps a line. */
  add(line: string): void {
    this.lines.push(line);
    if (this.lines.length > KEPT_LINES) this.lines.shift();
  }

  /** Why it ended: its last fatal message, else its last line. */
  get lastWords(): string {
    const fatal = this.lines.findLast((line) => at(parsed(line), 'level') === FATAL);
    const message = fatal === undefined ? undefined : text(at(parsed(fatal), 'msg'));
    const last = this.lines.at(-1);
    return cut(message ?? (last === undefined ? '' : sentenceOf(last)));
  }
}
