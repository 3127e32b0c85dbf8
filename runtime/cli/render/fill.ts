import { parseDocument } from 'yaml';
import { expandTemplate } from '../../../constructs/delivery/template';
import { unreadable } from '../errors';

const VALUES_FILE = 'values.yaml';
const CHART_FILE = 'Chart.yaml';

/**
 * Fills the late-bound values of one exported release. In a generated chart only the named entries of `values.yaml` change;
 * the values of a chart of others are expanded where they refer to one.
 *
 * @param files files of the release by relative path
 */
export function fillRelease(
  release: string,
  files: ReadonlyMap<string, string>,
  values: Readonly<Record<string, string>>,
): ReadonlyMap<string, string> {
  const text = files.get(VALUES_FILE);
  if (text === undefined) throw unreadable(release, `it has no ${VALUES_FILE}`, 'run `lnmt synth` again');
  const filled = files.has(CHART_FILE) ? fillEntries(release, text, values) : expand(release, text, values);
  return new Map([...files, [VALUES_FILE, filled]]);
}

function fillEntries(release: string, text: string, values: Readonly<Record<string, string>>): string {
  const document = parseDocument(text);
  const [fault] = document.errors;
  if (fault !== undefined) throw unreadable(`${release}/${VALUES_FILE}`, fault.message, 'run `lnmt synth` again');
  for (const [name, value] of Object.entries(values)) if (document.has(name)) document.set(name, value);
  return document.toString();
}

function expand(release: string, text: string, values: Readonly<Record<string, string>>): string {
  return expandTemplate(text, values, (name) => {
    throw unreadable(
      `${release}/${VALUES_FILE}`,
      `it refers to ${name}, which the index does not list`,
      'run `lnmt synth` again',
    );
  });
}
