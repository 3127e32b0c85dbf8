import type { Manifest } from './manifests';

/** A kind that LNMT writes and for which no published definition is at hand. */
export interface KindWithoutSchema {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly reason: string;
}

/** Exactly the kinds that the strict checks cannot judge. */
export const KINDS_WITHOUT_SCHEMA: readonly KindWithoutSchema[] = [
  {
    group: 'mongodbcommunity.mongodb.com',
    version: 'v1',
    kind: 'MongoDBCommunity',
    plural: 'mongodbcommunity',
    reason: 'the operator is under a licence that keeps its definitions out of the schema data',
  },
  {
    group: 'kustomize.toolkit.fluxcd.io',
    version: 'v1',
    kind: 'Kustomization',
    plural: 'kustomizations',
    reason: 'the schema data has no definition of it; @kubernetes-models/flux-cd judges it in npm test',
  },
];

/** The entry for an object's kind, if it is one of those. */
export function withoutSchema({ apiVersion, kind }: Manifest): KindWithoutSchema | undefined {
  return KINDS_WITHOUT_SCHEMA.find((entry) => `${entry.group}/${entry.version}` === apiVersion && entry.kind === kind);
}
