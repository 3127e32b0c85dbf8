import { nameOf } from './packages';
import type { LockFile } from './packages';

/** What the document is about. */
export interface Subject {
  readonly name: string;
  readonly version: string;
}

/** URL of a package, with the name of a scope escaped. @see https://github.com/package-url/purl-spec */
const packageUrl = ({ name, version }: Subject): string => `pkg:npm/${name.replace('@', '%40')}@${version}`;

/** A digest as lock files write it, e.g. `sha512-…`. */
function hashOf(integrity: string): { readonly alg: string; readonly content: string } {
  const [algorithm = '', digest = ''] = integrity.split('-', 2);
  return { alg: algorithm.replace('sha', 'SHA-'), content: Buffer.from(digest, 'base64').toString('hex') };
}

/**
 * A CycloneDX document of the packages in some folders: the same for the same lock file, with no time and no serial
 * number.
 *
 * @see https://cyclonedx.org/docs/1.6/json/
 */
export function billOfMaterials(lock: LockFile, folders: readonly string[], subject: Subject): string {
  const components = folders.map((folder) => {
    const { version = '', integrity, license } = lock.packages[folder] ?? {};
    const name = nameOf(folder);
    const url = packageUrl({ name, version });
    return {
      type: 'library',
      'bom-ref': `${url}#${folder}`,
      name,
      version,
      purl: url,
      ...(license === undefined ? {} : { licenses: [{ expression: license }] }),
      ...(integrity === undefined ? {} : { hashes: [hashOf(integrity)] }),
    };
  });
  const component = { type: 'application', 'bom-ref': packageUrl(subject), ...subject, purl: packageUrl(subject) };
  const document = { bomFormat: 'CycloneDX', specVersion: '1.6', version: 1, metadata: { component }, components };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}
