import { compileServer } from './compile-server';

/** Once, before the tests: the processes that they start would each do it otherwise. */
export default function setup(): void {
  compileServer();
}
