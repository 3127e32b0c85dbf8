import path from 'node:path';
import type { Json, JsonObject, TerraformDocument } from '../support/terraform-json';
import { blocksOf, isObject, listOf, mapBlocks, objectOf, readTerraform } from '../support/terraform-json';
import { DRIFT, DROPPED, UNDELETABLE } from './moto-lists';
import { findProgram, freePort, run, start, waitFor } from './processes';
import { noFaults, Skip } from './suite';
import type { Checks } from './suite';
import { WorkingCopy } from './terraform-driver';
import type { Terraform } from './terraform-driver';
import { root } from './tools';

/** A moto_server that runs until the suite is over; throws `Skip` where Python or moto is absent. */
export async function startMoto(checks: Checks): Promise<{ readonly env: Readonly<Record<string, string>> }> {
  const python = process.env['LNMT_MOTO_PYTHON'] ?? findProgram('python3');
  if (!python) throw new Skip('no python3 on the PATH');
  const probe = await run(python, ['-c', 'import moto, moto.server; print(moto.__version__)']);
  if (probe.code !== 0) throw new Skip('the Python package moto[server] is not installed');
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const server = start(
    'moto',
    python,
    [path.join(root, 'test/integration/moto_server.py'), String(port)],
    path.join(checks.folder, 'moto.log'),
  );
  checks.after(() => server.stop());
  checks.note(`moto ${probe.stdout.trim()}`);
  await waitFor('moto_server', 60_000, async () => (await fetch(`${url}/moto-api/`)).ok);
  return {
    env: {
      AWS_ENDPOINT_URL: url,
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_ENABLE_ENDPOINT_DISCOVERY: 'false',
    },
  };
}

/** Applies a stack to an emulated AWS, plans again and destroys; what the emulator cannot do is asserted exactly. */
export async function applyAgainstMoto(checks: Checks, terraform: Terraform, stackFile: string): Promise<void> {
  const moto = await startMoto(checks).catch((error: unknown) => {
    if (!(error instanceof Skip)) throw error;
    checks.skip('apply, plan and destroy against an emulated AWS', error.message);
  });
  if (!moto) return;
  const pruned = prune(readTerraform(stackFile), DROPPED);
  await checks.check(`exactly the known ${Object.keys(DROPPED).length} types are left out of the apply`, () =>
    noFaults(
      Object.keys(DROPPED)
        .filter((key) => !pruned.used.has(key))
        .map((key) => `${key} is listed and no longer needed`),
    ),
  );
  for (const [address, reason] of pruned.dropped) checks.note(`not applied: ${address} (${reason})`);
  const copy = new WorkingCopy(terraform, path.join(checks.folder, 'moto'), moto.env);
  copy.prepare(stackFile, { provider: { aws: [{ max_retries: 4 }] } });
  copy.writeStack(pruned.document);
  const applied = await checks.check(`apply creates ${pruned.kept} resources`, async () => {
    await copy.call(['init', '-no-color']);
    await copy.call(['apply', '-no-color', '-auto-approve', '-parallelism=20']);
  });
  if (!applied) return;
  await checks.check('a second plan wants to set again exactly what the emulator forgot', async () => {
    // A forgotten attribute may ask for a replacement, which a protected resource would refuse to plan.
    copy.writeStack(withLifecycle(pruned.document, () => ({ prevent_destroy: false })));
    noFaults(compareDrift(driftOf(await planOf(copy, [0, 2])), DRIFT));
  });
  await checks.check('that left aside, a second plan is empty', async () => {
    copy.writeStack(withLifecycle(pruned.document, (type) => ({ ignore_changes: [...(DRIFT[type] ?? [])] })));
    await planOf(copy, [0]);
  });
  await checks.check('destroy removes everything', () => destroy(copy, pruned.document));
}

async function planOf(copy: WorkingCopy, expected: readonly number[]): Promise<Plan> {
  await copy.call(['plan', '-no-color', '-out=second', '-detailed-exitcode'], expected);
  return JSON.parse((await copy.call(['show', '-json', 'second'])).stdout) as Plan;
}

function withLifecycle(document: TerraformDocument, lifecycle: (type: string) => JsonObject): TerraformDocument {
  const resource = mapBlocks(document.resource ?? {}, (body, type) => {
    const ignored = listOf(objectOf(body['lifecycle'])['ignore_changes']);
    const { ignore_changes: more, ...rest } = lifecycle(type);
    return {
      ...body,
      lifecycle: { ...objectOf(body['lifecycle']), ...rest, ignore_changes: [...ignored, ...listOf(more)] },
    };
  });
  return { ...document, resource };
}

/** Deletion protection holds until it is taken off: what is protected is taken off it first, as an owner would. */
async function destroy(copy: WorkingCopy, document: TerraformDocument): Promise<void> {
  copy.writeStack(unprotected(document));
  await copy.call(['apply', '-no-color', '-auto-approve', '-parallelism=20']);
  const listed = (await copy.call(['state', 'list'])).stdout
    .split('\n')
    .filter((address) => UNDELETABLE[address.split('.')[0] ?? '']);
  const stale = Object.keys(UNDELETABLE).filter((type) => !listed.some((address) => address.startsWith(`${type}.`)));
  noFaults(stale.map((type) => `${type} is listed as undeletable and not in the stack`));
  await copy.call(['state', 'rm', ...listed]);
  await copy.call(['destroy', '-no-color', '-auto-approve', '-parallelism=20']);
  const { stdout } = await copy.call(['state', 'list']);
  noFaults(stdout.split('\n').filter((line) => line !== '' && !line.startsWith('data.')));
}

interface Pruned {
  readonly document: TerraformDocument;
  readonly kept: number;
  readonly dropped: ReadonlyMap<string, string>;
  /** The entries of the list that were needed. */
  readonly used: ReadonlySet<string>;
}

/** Leaves out what is listed and whatever reads a value of it; a mere ordering after it is only forgotten. */
export function prune(document: TerraformDocument, listed: Readonly<Record<string, string>>): Pruned {
  const resources = blocksOf(document).filter((block) => block.section === 'resource');
  const dropped = new Map<string, string>();
  const used = new Set<string>();
  for (const { type, address } of resources) {
    const key = [address, type].find((candidate) => listed[candidate] !== undefined);
    if (key === undefined) continue;
    used.add(key);
    dropped.set(address, listed[key] ?? '');
  }
  for (let before = -1; before !== dropped.size;) {
    before = dropped.size;
    for (const { address, body } of resources) {
      const rest = Object.fromEntries(Object.entries(body).filter(([key]) => key !== 'depends_on'));
      const missing = referencesOf(rest).find((reference) => dropped.has(reference));
      if (missing && !dropped.has(address)) dropped.set(address, `needs ${missing}`);
    }
  }
  const kept = resources.filter(({ address }) => !dropped.has(address));
  const resource: Record<string, Record<string, JsonObject>> = {};
  for (const { type, name, body } of kept) (resource[type] ??= {})[name] = withoutOrdering(body, dropped);
  const reads = (value: Json): boolean => referencesOf(value).some((reference) => dropped.has(reference));
  const without = (section: JsonObject = {}): JsonObject =>
    Object.fromEntries(Object.entries(section).filter(([, value]) => !reads(value)));
  const data = mapBlocks(document.data ?? {}, (body) => withoutOrdering(body, dropped));
  return {
    document: { ...document, resource, data, output: without(document.output) },
    kept: kept.length,
    dropped,
    used,
  };
}

function withoutOrdering(body: JsonObject, dropped: ReadonlyMap<string, string>): JsonObject {
  const ordering = body['depends_on'];
  if (!Array.isArray(ordering)) return body;
  return { ...body, depends_on: (ordering as readonly string[]).filter((address) => !dropped.has(address)) };
}

function referencesOf(value: Json): string[] {
  return [...JSON.stringify(value).matchAll(/(?<![\w.])(aws_[a-z0-9_]+)\.([\w-]+)/g)].map(
    (match) => `${match[1] ?? ''}.${match[2] ?? ''}`,
  );
}

function unprotected(document: TerraformDocument): TerraformDocument {
  const resource = mapBlocks(document.resource ?? {}, (body, type) => ({
    ...body,
    ...(body['deletion_protection'] !== undefined && { deletion_protection: false }),
    ...(body['deletion_protection_enabled'] !== undefined && { deletion_protection_enabled: false }),
    ...(body['enable_deletion_protection'] !== undefined && { enable_deletion_protection: false }),
    ...(isObject(body['lifecycle']) && { lifecycle: { ...body['lifecycle'], prevent_destroy: false } }),
    ...(type === 'aws_s3_bucket' && { force_destroy: true }),
    ...(type === 'aws_ecr_repository' && { force_delete: true }),
    ...(type === 'aws_db_instance' && { skip_final_snapshot: true }),
    ...(type === 'aws_rds_cluster' && { skip_final_snapshot: true }),
  }));
  return { ...document, resource };
}

interface Plan {
  readonly resource_changes?: readonly {
    readonly type: string;
    readonly address: string;
    readonly change: {
      readonly actions: readonly string[];
      readonly before: JsonObject | null;
      readonly after: JsonObject | null;
      readonly after_unknown?: JsonObject;
    };
  }[];
}

/** The attributes that a plan would change, by type; a creation or a removal counts as the attribute `*`. */
function driftOf(plan: Plan): Map<string, Set<string>> {
  const drift = new Map<string, Set<string>>();
  const add = (type: string, attribute: string): unknown =>
    drift.set(type, (drift.get(type) ?? new Set()).add(attribute));
  for (const { type, change } of plan.resource_changes ?? []) {
    if (change.actions.every((action) => action === 'no-op' || action === 'read')) continue;
    if (!change.before || !change.after) add(type, '*');
    for (const [key, before] of Object.entries(change.before ?? {}))
      if (change.after && differs(before, change.after[key], change.after_unknown?.[key])) add(type, key);
  }
  return drift;
}

/** Whether what will be known after the change is another value; an absent one and an empty one are the same. */
function differs(before: Json | undefined, after: Json | undefined, unknown: Json | undefined): boolean {
  if (unknown === true) return false;
  if (isEmpty(before) && isEmpty(after)) return false;
  if (typeof before !== 'object' || typeof after !== 'object' || before === null || after === null)
    return before !== after;
  const [left, right, open] = [before, after, unknown ?? {}] as Readonly<Record<string, Json>>[];
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].some((key) => differs(left?.[key], right?.[key], open?.[key]));
}

const isEmpty = (value: Json | undefined): boolean =>
  value === null ||
  value === undefined ||
  value === '' ||
  (typeof value === 'object' && Object.keys(value).length === 0);

function compareDrift(
  found: ReadonlyMap<string, ReadonlySet<string>>,
  expected: Readonly<Record<string, readonly string[]>>,
): string[] {
  const types = [...new Set([...found.keys(), ...Object.keys(expected)])].sort();
  return types.flatMap((type) => {
    const [is, should] = [
      [...(found.get(type) ?? [])].sort().join(', '),
      [...(expected[type] ?? [])].sort().join(', '),
    ];
    return is === should ? [] : [`${type}: drifts in [${is}], the list says [${should}]`];
  });
}
