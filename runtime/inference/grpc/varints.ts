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
 * Numbers that packed varints are: bytes that end one. Four are looked at together, so that 64 MiB take some ten milliseconds.
 *
 * @param most count with which nothing further is looked at
 */
export function countEnds(bytes: Uint8Array, start: number, end: number, most: number): number {
  const lead = Math.min(end, start + ((WORD - ((bytes.byteOffset + start) % WORD)) % WORD));
  const words = Math.floor((end - lead) / WORD);
  if (words === 0) return countBytes(bytes, start, end);
  const view = new Uint32Array(bytes.buffer, bytes.byteOffset + lead, words);
  let count = countBytes(bytes, start, lead);
  for (let begin = 0; begin < words && count <= most; begin += BLOCK) {
    const stop = Math.min(words, begin + BLOCK);
    for (let index = begin; index < stop; index += 1) count += lastOf(view[index] ?? 0);
  }
  return count > most ? count : count + countBytes(bytes, lead + words * WORD, end);
}

/**
 * Reads numbers of up to 64 bits as two words each, the lower one first.
 *
 * @param place of the first word in `words`, which are 0
 * @returns how many there are; -1 where one has more bytes, or no end
 */
export function readVarints(bytes: Uint8Array, start: number, end: number, words: Uint32Array, place: number): number {
  let to = place;
  for (let at = start; at < end; to += 2) {
    let byte = bytes[at++] ?? 0;
    let [low, high] = [byte & 127, 0];
    for (let shift = 7; byte >= 128; shift += 7) {
      if (at === end || shift >= 7 * LONGEST) return -1;
      byte = bytes[at++] ?? 0;
      if (shift < 32) low |= (byte & 127) << shift;
      if (shift === 28) high = (byte & 127) >>> 4;
      if (shift > 32) high |= (byte & 127) << (shift - 32);
    }
    words[to] = low;
    words[to + 1] = high;
  }
  return (to - place) / 2;
}
