import type * as Cedar from '@cedar-policy/cedar-wasm/nodejs';
import type { Attempt, Policy } from './access-control';
import type { Principal } from './api-keys';
import { StartError } from './errors';
import { loadOptional } from './optional-package';

const PACKAGE = '@cedar-policy/cedar-wasm';
const NAMESPACE = 'LNMT';

/** Prepared policies have names in one table of the process. */
let prepared = 0;

/** Lets a scope be enough, unless a policy of the operator forbids it. */
const DEFAULT_POLICY = 'permit (principal, action, resource) when { principal.scopes.contains(context.scope) };';

type Value = Cedar.CedarValueJson;

/** A claim as Cedar has values; what it has none for is left out, and so is what would be taken for an entity. */
function valueOf(claim: unknown): Value | undefined {
  if (typeof claim === 'string' || typeof claim === 'boolean') return claim;
  if (typeof claim === 'number') return Number.isSafeInteger(claim) ? claim : undefined;
  if (Array.isArray(claim)) return claim.map(valueOf).filter((value) => value !== undefined);
  return typeof claim === 'object' && claim !== null ? recordOf(claim) : undefined;
}

function recordOf(claims: object): Record<string, Value> {
  const record: Record<string, Value> = {};
  for (const [name, claim] of Object.entries(claims)) {
    const value = valueOf(claim);
    if (value !== undefined && !name.startsWith('__')) record[name] = value;
  }
  return record;
}

const uid = (type: string, id: string): Cedar.TypeAndId => ({ type: `${NAMESPACE}::${type}`, id });

/**
 * Policies in Cedar beside the scopes: role- and attribute-based. Principals are `LNMT::Caller` with `scopes`, `method`
 * and `claims`; actions are the operations, each a member of the action that is named like its scope; resources are
 * `LNMT::Model` with `name` and perhaps `version`, or `LNMT::Server`.
 *
 * A `forbid` wins over any `permit`, and a policy that cannot be evaluated forbids.
 * @see https://docs.cedarpolicy.com/
 */
export class CedarPolicy implements Policy {
  /**
   * Reads policies.
   *
   * @param setting name of the setting that asks for them
   * @throws StartError LNMT8103 without the package, LNMT8104 for text that is no policy
   */
  static async create(text: string, setting: string): Promise<CedarPolicy> {
    const loaded = await loadOptional(() => import('@cedar-policy/cedar-wasm/nodejs'), PACKAGE, setting);
    return new CedarPolicy(loaded, text);
  }

  private readonly name = `policies-${++prepared}`;

  private constructor(
    private readonly cedar: typeof Cedar,
    text: string,
  ) {
    const answer = cedar.preparsePolicySet(this.name, { staticPolicies: `${DEFAULT_POLICY}\n${text}` });
    if (answer.type === 'failure') {
      throw new StartError('LNMT8104', answer.errors.map(({ message }) => message).join('; '));
    }
  }

  /** Whether a policy permits it and none forbids it. */
  allows(principal: Principal, attempt: Attempt): boolean {
    const { operation, access, model, version } = attempt;
    const caller = uid('Caller', principal.id);
    const action = uid('Action', operation);
    const resource = model === undefined ? uid('Server', 'server') : uid('Model', model);
    const attrs: Record<string, Value> = {
      scopes: [...principal.scopes],
      method: principal.method,
      claims: recordOf(principal.claims ?? {}),
    };
    const about: Record<string, Value> = {
      ...(model === undefined ? {} : { name: model }),
      ...(version === undefined ? {} : { version }),
    };
    const answer = this.cedar.statefulIsAuthorized({
      principal: caller,
      action,
      resource,
      context: { scope: access },
      preparsedPolicySetId: this.name,
      entities: [
        { uid: caller, attrs, parents: [] },
        { uid: action, attrs: {}, parents: [uid('Action', access)] },
        { uid: resource, attrs: about, parents: [] },
      ],
    });
    if (answer.type === 'failure') return false;
    const { decision, diagnostics } = answer.response;
    return decision === 'allow' && diagnostics.errors.length === 0;
  }
}
