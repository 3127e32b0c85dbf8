/** A text as one word of a shell, quoted whether or not it has to be. */
export const quoted = (text: string): string => `'${text.replace(/'/g, `'\\''`)}'`;

/** A text as one word of a shell, quoted where it has to be. */
export const shellWord = (text: string): string => (/^[\w./@%+=:,-]+$/.test(text) ? text : quoted(text));
