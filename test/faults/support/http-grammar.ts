/** What is left of a chunked body after its chunks: `rest` where more bytes may be meant to come. */
type Left = 'whole' | 'wrong' | 'rest';

const SIZE = /^([0-9a-f]{1,15})[ \t]*(;[^\r\n]*)?$/i;

/** Reads chunks up to the empty one and the end of the trailers. */
function chunked(body: string): Left {
  for (let at = 0; ;) {
    const end = body.indexOf('\r\n', at);
    if (end < 0) return 'rest';
    const found = SIZE.exec(body.slice(at, end));
    if (found === null) return 'wrong';
    const size = Number.parseInt(found[1] ?? '', 16);
    if (size === 0) {
      return body.startsWith('\r\n', end + 2) || body.indexOf('\r\n\r\n', end + 2) >= 0 ? 'whole' : 'rest';
    }
    if (body.length < end + 2 + size + 2) return 'rest';
    if (!body.startsWith('\r\n', end + 2 + size)) return 'wrong';
    at = end + 2 + size + 2;
  }
}

/**
 * True where a server has to answer these bytes or to close: the request at their beginning is whole by RFC 9112, or wrong
 * in a way that nothing which may follow puts right. Read from the bytes alone, not from what a server makes of them.
 */
export function isDue(bytes: Buffer): boolean {
  // Empty lines before a request are skipped.
  const text = bytes.toString('latin1').replace(/^[\r\n]+/, '');
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return false;
  const lines = text.slice(0, end).split('\r\n').slice(1);
  const body = text.slice(end + 4);
  const valuesOf = (name: string): string[] =>
    lines.flatMap((line) => {
      const [key = '', ...value] = line.split(':');
      return key.toLowerCase() === name ? [value.join(':').trim()] : [];
    });
  const [encodings, lengths] = [valuesOf('transfer-encoding'), valuesOf('content-length')];
  if (encodings.length > 0) {
    const isChunked = /(^|,)[ \t]*chunked$/i.test(encodings.at(-1) ?? '');
    return lengths.length > 0 || !isChunked || chunked(body) !== 'rest';
  }
  if (lengths.length === 0) return true;
  const [length = ''] = lengths;
  if (lengths.length > 1 || !/^\d{1,15}$/.test(length)) return true;
  return body.length >= Number(length);
}
