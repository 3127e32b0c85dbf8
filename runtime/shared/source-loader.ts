import { createRequire } from 'node:module';

/** True where the program runs from its TypeScript sources, as it does while it is developed. */
export const FROM_SOURCE = __filename.endsWith('.ts');

/**
 * Arguments of Node.js for the threads and processes that a program starts from its own files: they inherit no loader
 * of TypeScript from a program that was started with one. None where the program is compiled.
 */
export const SOURCE_LOADER: readonly string[] = FROM_SOURCE
  ? ['--require', createRequire(__filename).resolve('tsx/cjs')]
  : [];
