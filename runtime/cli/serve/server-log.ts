import { at, text } from '../json';

/** Levels of the log by their numbers. */
const LEVELS: Readonly<Record<number, string>> = { 20: 'debug', 30: 'info', 40: 'warning', 50: 'error', 60: 'fatal' };
const FATAL = 60;
const KEPT_LINES = 50;

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
  const level = LEVELS[Number(at(entry, 'level'))] ?? 'note';
  const cause = text(at(entry, 'err', 'message'));
  const name = text(at(entry, 'name'));
  const about = name === undefined || message.includes(name) ? '' : `${name}: `;
  return `${level}: ${about}${message}${cause === undefined || cause === message ? '' : `: ${cause}`}`;
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
    return message ?? (last === undefined ? '' : sentenceOf(last));
  }
}
