import { ModelError } from '../errors';
import type { StoreEntry } from './store';

/** Most entries of one folder that a store may list. */
export const MAX_ENTRIES = 10_000;
/** Most answers that a listing may come in. */
const MAX_PAGES = 200;

const LINK = /<([^<>]*)>((?:\s*;\s*[\w-]+\s*=\s*(?:"[^"]*"|[^",;\s]+))*)/g;
const REL = /;\s*rel\s*=\s*(?:"([^"]*)"|([^",;\s]+))/i;

/**
 * All entries of a folder, however many answers they come in. Part of a listing is never taken for all of it: the newest
 * version may be in the part that is missing.
 *
 * @throws ModelError `LNMT8316` for more than {@link MAX_ENTRIES} entries or {@link MAX_PAGES} answers
 */
export async function gather(
  folder: string,
  pages: AsyncIterable<readonly StoreEntry[]>,
): Promise<readonly StoreEntry[]> {
  const entries: StoreEntry[] = [];
  let count = 0;
  for await (const page of pages) {
    count += 1;
    for (const entry of page) entries.push(entry);
    if (entries.length <= MAX_ENTRIES && count <= MAX_PAGES) continue;
    const most = `at most ${MAX_ENTRIES} entries in ${MAX_PAGES} answers`;
    throw new ModelError('LNMT8316', `${folder === '' ? 'its root' : folder} has ${entries.length} or more; ${most}`);
  }
  return entries;
}

/**
 * Where the next page of an answer is, by its header `Link`; undefined after the last one.
 *
 * @param at where the answer was asked for
 * @throws ModelError `LNMT8304` for a place that is not of the same origin
 * @see https://www.rfc-editor.org/rfc/rfc8288
 */
export function nextPage(header: string | readonly string[] | undefined, at: URL, file: string): URL | undefined {
  const text = typeof header === 'string' ? header : (header?.join(', ') ?? '');
  for (const [, target = '', parameters = ''] of text.matchAll(LINK)) {
    const [, quoted, plain] = REL.exec(parameters) ?? [];
    const relations = (quoted ?? plain ?? '').toLowerCase().split(/\s+/);
    if (!relations.includes('next')) continue;
    const next = URL.canParse(target, at.href) ? new URL(target, at) : undefined;
    if (next?.origin === at.origin && next.username === '' && next.password === '') return next;
    throw new ModelError('LNMT8304', `${file}: the store lists on at a place that is not allowed`);
  }
  return undefined;
}
