import { wholeNumber } from './checks';
import { LnmtError } from './errors';

/** Names of models: what stores, URLs and labels all accept. */
const MODEL_NAME = /^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$/;

/**
 * A model that an endpoint serves.
 *
 * @example
 * Model.fromStore('digits', 3)
 */
export class Model {
  /**
   * A version in the platform's model store, as `lnmt model push NAME FILE` puts it there.
   *
   * @throws LNMT1001 for a name that stores or URLs refuse, LNMT1002 for a version below 1
   */
  static fromStore(name: string, version: number): Model {
    if (!MODEL_NAME.test(name) || name.includes('..')) {
      throw new LnmtError('LNMT1001', undefined, {
        what: 'the model name cannot be used',
        got: JSON.stringify(name),
        allowed: 'up to 63 lower-case letters, digits, dots, dashes and underscores; letters or digits at both ends',
        remedy: 'choose another name',
      });
    }
    return new Model(name, String(wholeNumber(undefined, 'model version', version, { min: 1 })));
  }

  private constructor(
    readonly name: string,
    readonly version: string,
  ) {}

  /** Key of the file that lists the version's files and their digests; the last one that a push writes. */
  get manifestKey(): string {
    return `${this.name}/${this.version}/manifest.json`;
  }
}
