import type { Manifest } from '../../support/manifests';
import { isObject, listOf as list } from '../../support/terraform-json';
import type { JsonObject } from '../../support/terraform-json';
import { noFaults } from '../suite';
import type { Cluster } from './cluster';

interface Rule {
  readonly verbs?: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
}

/**
 * Asks the API server, as each service account, what it may do, and compares with what the manifests grant it: a rule more is
 * as much a fault as a rule less. What every account may do (discovery, reviews of itself) is taken off first.
 */
export async function permissions(cluster: Cluster, manifests: readonly Manifest[]): Promise<void> {
  const faults: string[] = [];
  for (const { name, namespace } of manifests.filter((m) => m.kind === 'ServiceAccount')) {
    const subject = `system:serviceaccount:${namespace}:${name}`;
    const everybody = await rulesOf(cluster, namespace, 'system:serviceaccount:kube-public:nobody');
    const actual = new Set([...(await rulesOf(cluster, namespace, subject))].filter((rule) => !everybody.has(rule)));
    const expected = new Set(
      granted(manifests, name, namespace)
        .flatMap(flatten)
        .filter((rule) => !everybody.has(rule)),
    );
    for (const rule of actual)
      if (!expected.has(rule)) faults.push(`${subject} may ${rule}, which no role of ours says`);
    for (const rule of expected) if (!actual.has(rule)) faults.push(`${subject} may not ${rule}, which its role says`);
  }
  noFaults(faults);
}

async function rulesOf(cluster: Cluster, namespace: string, user: string): Promise<Set<string>> {
  // What `kubectl auth can-i --list --as …` asks.
  const impersonation = {
    'impersonate-user': user,
    'impersonate-group': ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
  };
  const review = { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectRulesReview', spec: { namespace } };
  const path = '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews';
  const answer = (await cluster.api.must('POST', path, review, impersonation)) as unknown as {
    readonly status: { readonly resourceRules: readonly Rule[]; readonly nonResourceRules: readonly Rule[] };
  };
  return new Set([...answer.status.resourceRules, ...answer.status.nonResourceRules].flatMap(flatten));
}

/** The rules that our bindings give an account inside a namespace. */
function granted(manifests: readonly Manifest[], account: string, namespace: string): Rule[] {
  return manifests
    .filter((m) => (m.kind === 'RoleBinding' && m.namespace === namespace) || m.kind === 'ClusterRoleBinding')
    .filter((m) =>
      list(m.object['subjects']).some(
        (s) => isObject(s) && s['kind'] === 'ServiceAccount' && s['name'] === account && s['namespace'] === namespace,
      ),
    )
    .flatMap((binding) => {
      const { kind, name } = binding.object['roleRef'] as JsonObject;
      const role = manifests.find(
        (m) => m.kind === kind && m.name === name && (kind === 'ClusterRole' || m.namespace === binding.namespace),
      );
      return role ? (role.object['rules'] as unknown as Rule[]) : [];
    });
}

/** One line for each verb on each resource, so that the grouping into rules does not matter. */
function flatten(rule: Rule): string[] {
  return (rule.verbs ?? []).flatMap((verb) => [
    ...(rule.nonResourceURLs ?? []).map((url) => `${verb} ${url}`),
    ...(rule.apiGroups ?? []).flatMap((group) =>
      (rule.resources ?? []).map((resource) =>
        `${verb} ${resource}.${group} ${[...(rule.resourceNames ?? [])].sort().join(',')}`.trim(),
      ),
    ),
  ]);
}
