/** A name that a certificate gives its holder beside the subject. */
export interface AlternativeName {
  /** `DNS`, `URI`, `IP Address` and so on, as Node writes it. */
  readonly kind: string;
  readonly value: string;
}

/** One name: its kind, and its value plain or, where it has a character that is not plain, as a JSON text. */
const ENTRY =
  /([A-Za-z][A-Za-z0-9 ]*):(?:("(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")|([^",\\]*))(?:, |$)/y;

/**
 * The alternative names in the form in which Node gives those of a certificate; undefined for a text that is not in it. A
 * value may hold what looks like a further name: it is read by the quotes around it, never found by a search in the text.
 *
 * @see https://nodejs.org/api/crypto.html#x509subjectaltname
 */
export function alternativeNames(text: string): readonly AlternativeName[] | undefined {
  const names: AlternativeName[] = [];
  const entry = new RegExp(ENTRY);
  while (entry.lastIndex < text.length) {
    const found = entry.exec(text);
    if (found === null) return undefined;
    const [, kind = '', quoted, plain = ''] = found;
    names.push({ kind, value: quoted === undefined ? plain : (JSON.parse(quoted) as string) });
  }
  // A separator with nothing behind it.
  return text.endsWith(', ') ? undefined : names;
}
