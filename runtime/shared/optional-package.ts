import { buildCommand, featureOfPackage } from '../contract';
import { StartError } from './errors';

/** True for the error of a package that is not there, and not for a package that is broken. */
function isAbsent(error: unknown, name: string): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false;
  const absent = error.code === 'ERR_MODULE_NOT_FOUND' || error.code === 'MODULE_NOT_FOUND';
  return absent && error.message.includes(name.split('/').slice(0, 2).join('/'));
}

/**
 * Loads a package that only some configurations need.
 *
 * @param setting name of the setting that asks for it
 * @throws StartError LNMT8103 when it is not installed
 */
export async function loadOptional<T>(load: () => Promise<T>, name: string, setting: string): Promise<T> {
  try {
    return await load();
  } catch (error) {
    if (!isAbsent(error, name)) throw error;
    const feature = featureOfPackage(name);
    const image = feature === undefined ? '' : `, or \`${buildCommand([feature])}\` for an image that has it`;
    throw new StartError('LNMT8103', `${setting} needs ${name}; run npm install ${name}${image}`, error);
  }
}
