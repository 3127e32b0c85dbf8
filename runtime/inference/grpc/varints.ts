const WORD = 4;
/** Words that are counted between two looks at the bound. */
const BLOCK = 16_384;
const LAST = 0x8080_8080;
const LONGEST = 10;

function countBytes(bytes: Uint8Array, start: number, end: number): number {
  let count = 0;
  for (let at = start; at < end; at += 1) if ((bytes[at] ?? 0) < 128) count += 1;
  return count;
}

/** Bytes of a word whose highest bit is not set. */
function lastOf(word: number): number {
  return Math.imul((~word & LAST) >>> 7, 0x0101_0101) >>> 24;
}

/**
 * The most numbers that packed varints can be: one for each byte that ends one, and one for each ten, which are taken for a
 * number though they do not end. Four bytes are looked at together, so that 64 MiB take some ten milliseconds.
 *
 * @param most count with which nothing further is looked at
 */
export function countVarints(bytes: Uint8Array, start: number, end: number, most: number): number {
  const lead = Math.min(end, start + ((WORD - ((bytes.byteOffset + start) % WORD)) % WORD));
  const words = Math.floor((end - lead) / WORD);
  if (words === 0) return Math.floor((end - start) / LONGEST) + countBytes(bytes, start, end);
  const view = new Uint32Array(bytes.buffer, bytes.byteOffset + lead, words);
  let count = Math.floor((end - start) / LONGEST) + countBytes(bytes, start, lead);
  for (let begin = 0; begin < words && count <= most; begin += BLOCK) {
    const stop = Math.min(words, begin + BLOCK);
    for (let index = begin; index < stop; index += 1) count += lastOf(view[index] ?? 0);
  }
  return count > most ? count : count + countBytes(bytes, lead + words * WORD, end);
}
