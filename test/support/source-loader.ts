import { compiledSourceLoader } from './compile-programs';

/** Stands for `runtime/shared/source-loader` in tests: theirs start hundreds of threads, a tenth of a second faster. */
export const FROM_SOURCE = true;
export const SOURCE_LOADER: readonly string[] = ['--require', compiledSourceLoader()];
