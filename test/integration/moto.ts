import path from 'node:path';
import type { JsonObject, TerraformDocument } from '../support/terraform-json';
import { isObject, listOf, mapBlocks, objectOf, readTerraform } from '../support/terraform-json';
import { compareDrift, driftOf } from '../support/plan-drift';
import type { Plan } from '../support/plan-drift';
import { prune } from '../support/prune';
import { DRIFT, DROPPED, UNDELETABLE } from './moto-lists';
import type { Daemon } from './processes';
import { findProgram, freePort, run, start, waitFor } from './processes';
import { noFaults, Skip } from './suite';
import type { Checks } from './suite';
import { WorkingCopy } from './terraform-driver';
import type { Terraform } from './terraform-driver';
import { root } from './tools';

/** A moto_server that runs until the suite is over; throws `Skip` where Python or moto is absent. */
export async function startMoto(checks: Checks): Promise<{
  readonly url: string;
  /** Variables of programs that are to take it for AWS. */
  readonly env: Readonly<Record<string, string>>;
  readonly server: Daemon;
}> {
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
    ...{ url, server },
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
