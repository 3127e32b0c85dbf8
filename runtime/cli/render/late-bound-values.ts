import { VALUES_OUTPUT } from '../../../constructs/delivery/delivery';
import type { DeliveryIndex } from '../../../constructs/delivery/delivery';
import { unreadable, valuesMissing, valuesUnknown } from '../errors';
import { at, isRecord } from '../json';

const REMEDY = 'write it with `terraform output -json` in the folder of the stack';

/**
 * Takes the late-bound values out of what `terraform output -json` wrote.
 *
 * @throws LNMT6006 for another kind of file
 */
export function lateBoundValues(file: string, outputs: unknown): Readonly<Record<string, string>> {
  const output = at(outputs, VALUES_OUTPUT);
  if (output === undefined) throw unreadable(file, `it has no output ${VALUES_OUTPUT}`, REMEDY);
  const values = at(output, 'value');
  if (!isRecord(values)) throw unreadable(file, `output ${VALUES_OUTPUT} holds no map`, REMEDY);
  const entries = Object.entries(values).map(([name, value]): [string, string] => {
    if (typeof value === 'string') return [name, value];
    if (typeof value === 'number' || typeof value === 'boolean') return [name, String(value)];
    throw unreadable(file, `value ${name} is neither text nor number`, REMEDY);
  });
  return Object.fromEntries(entries);
}

/** Holds the values to what a stack waits for. @throws LNMT6007 for missing ones, LNMT6008 for others */
export function checkValues(stack: string, index: DeliveryIndex, values: Readonly<Record<string, string>>): void {
  const known = Object.keys(index.values).sort();
  const missing = known.filter((name) => !Object.hasOwn(values, name));
  if (missing.length > 0) throw valuesMissing(stack, missing);
  const unknown = Object.keys(values)
    .filter((name) => !Object.hasOwn(index.values, name))
    .sort();
  if (unknown.length > 0) throw valuesUnknown(stack, unknown, known);
}
