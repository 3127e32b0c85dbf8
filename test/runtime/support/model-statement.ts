import { createHash } from 'node:crypto';
import type { ModelFile } from '../../../runtime/contract';
import { STATEMENT } from '../../../runtime/inference/signing/statement';

const sha256 = (content: string | Uint8Array): string => createHash('sha256').update(content).digest('hex');

/** A file of a model as the manifest lists it. */
export const fileOf = (name: string, content: string | Uint8Array): ModelFile => ({
  path: name,
  sha256: sha256(content),
  bytes: content.length,
});

/** What is other than it should be in a statement. */
export interface StatementChange {
  readonly resources?: readonly Readonly<Record<string, string>>[];
  readonly statement?: Readonly<Record<string, unknown>>;
  readonly method?: string;
  readonly payloadType?: string;
  readonly digest?: string;
}

/** The statement about these files that a signer of models signs. */
export function statementOf(files: readonly ModelFile[], change: StatementChange = {}): string {
  const resources =
    change.resources ?? files.map(({ path: name, sha256: digest }) => ({ name, digest, algorithm: 'sha256' }));
  const all = createHash('sha256');
  for (const { digest = '' } of resources) all.update(Buffer.from(digest, 'hex'));
  return JSON.stringify({
    _type: STATEMENT.type,
    subject: [{ name: 'digits', digest: { sha256: change.digest ?? all.digest('hex') } }],
    predicateType: STATEMENT.predicate,
    predicate: { resources, serialization: { method: change.method ?? 'files', hash_type: 'sha256' } },
    ...change.statement,
  });
}
