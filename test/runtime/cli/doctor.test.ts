import { describe, expect, test } from 'vitest';
import type { CheckResult } from '../../../runtime/cli/doctor/check';
import { atLeast, versionIn } from '../../../runtime/cli/doctor/check';
import { cli, fakePrograms, scratch } from './support';

const IDENTITY = '{"Arn": "arn:aws:iam::111122223333:user/dev"}';
const ALL = {
  terraform: 'echo "Terraform v1.12.2"',
  kubectl: `[ "$2" = --client ] && echo "Client Version: v1.36.1" || echo '{"serverVersion": {"gitVersion": "v1.36.2-eks-1"}}'`,
  helm: 'echo v3.18.1+gabc',
  cdktf: 'echo 0.21.0',
  jq: 'echo jq-1.7.1',
  docker: 'true',
  aws: `case "$1" in --version) echo aws-cli/2.31.0 ;; sts) echo '${IDENTITY}' ;; *) echo '{"Quota": {"Value": 192.0}}' ;; esac`,
};

async function doctor(programs: Readonly<Record<string, string>>, ...options: string[]) {
  const PATH = Object.keys(programs).length > 0 ? fakePrograms(programs) : scratch();
  const { code, out, err } = await cli(['doctor', '--json', ...options], { env: { PATH } });
  const { checks } = JSON.parse(out) as { checks: CheckResult[] };
  return { code, err, checks: new Map(checks.map((check) => [check.name, check])) };
}

describe('lnmt doctor', () => {
  test('is content where everything is there', async () => {
    const { code, checks } = await doctor(ALL, '--target', 'aws');
    expect(code).toBe(0);
    expect([...checks.values()].filter(({ status }) => status !== 'ok')).toEqual([]);
    expect(checks.get('aws credentials')?.detail).toBe('arn:aws:iam::111122223333:user/dev');
    expect(checks.get('aws GPU quota P (training)')?.detail).toBe('192 vCPUs of on-demand instances');
    expect(checks.get('cluster')?.detail).toBe('Kubernetes v1.36.2-eks-1');
  });

  test('fails on what is required and missing, says how to get it, and ends with its own code', async () => {
    const { code, err, checks } = await doctor({}, '--target', 'aws');
    expect(code).toBe(4);
    expect(JSON.parse(err)).toMatchObject({ error: { code: 'LNMT6023', got: 'terraform, aws' } });
    expect(checks.get('terraform')).toMatchObject({
      status: 'fail',
      remedy: expect.stringContaining('opentofu.org') as string,
    });
    expect(['cdktf', 'jq', 'helm'].map((name) => checks.get(name)?.status)).toEqual(['warn', 'warn', 'warn']);
    for (const check of checks.values())
      if (check.status !== 'ok' && check.status !== 'skip') expect(check.remedy).toMatch(/\S/);
  });

  test('takes OpenTofu for Terraform', async () => {
    const { checks } = await doctor({ tofu: 'echo "OpenTofu v1.11.0"' });
    expect(checks.get('terraform')).toMatchObject({ status: 'ok', detail: 'tofu 1.11.0' });
  });

  test('holds tools to the versions that are needed', async () => {
    const { checks } = await doctor({ ...ALL, terraform: 'echo "Terraform v1.9.8"', kubectl: 'echo v1.30.0' });
    expect(checks.get('terraform')).toMatchObject({
      status: 'fail',
      detail: 'terraform 1.9.8; needed: 1.11.0 or later',
    });
    expect(checks.get('kubectl')?.status).toBe('warn');
  });

  test('asks nothing about AWS for a site, and requires its cluster', async () => {
    const { code, checks } = await doctor(
      { terraform: ALL.terraform, kubectl: 'echo refused >&2; exit 1' },
      '--target',
      'onprem',
    );
    expect(code).toBe(4);
    expect([...checks.keys()].filter((name) => name.startsWith('aws')).map((name) => checks.get(name)?.status)).toEqual(
      ['skip', 'skip', 'skip', 'skip'],
    );
    expect(checks.get('cluster')).toMatchObject({ status: 'fail', detail: 'cannot be reached: refused' });
  });

  test('warns of a quota of none, and of a cluster that is too old', async () => {
    const { checks } = await doctor({
      ...ALL,
      aws: `echo '{"Quota": {"Value": 0}}'`,
      kubectl: `[ "$2" = --client ] && echo v1.36.1 || echo '{"serverVersion": {"gitVersion": "v1.29.0"}}'`,
    });
    expect(checks.get('aws GPU quota P (training)')).toMatchObject({
      status: 'warn',
      remedy: expect.stringContaining('L-417A185B') as string,
    });
    expect(checks.get('cluster')?.status).toBe('warn');
  });

  test('refuses a target that there is not', async () => {
    expect(await cli(['doctor', '--target', 'moon'])).toMatchObject({ code: 2 });
  });

  test('compares versions by their numbers', () => {
    expect(versionIn('Terraform v1.11.4\non linux')).toEqual([1, 11, 4]);
    expect(atLeast([1, 9, 9], [1, 11])).toBe(false);
    expect(atLeast([1, 11], [1, 11, 0])).toBe(true);
    expect(atLeast([2, 0], [1, 11])).toBe(true);
  });
});
