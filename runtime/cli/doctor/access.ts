import { KUBERNETES_VERSIONS } from '../../../constructs/versions';
import { at, text } from '../json';
import { ask, lastLine, versionIn } from './check';
import type { Check, CheckContext, CheckResult } from './check';

/** Quotas of running on-demand instances, in vCPUs. @see https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html */
const GPU_QUOTAS = [
  { code: 'L-417A185B', family: 'P (training)' },
  { code: 'L-DB2E81BA', family: 'G and VT (inference)' },
] as const;

/** Whether AWS knows who is asking. */
export const awsCredentials: Check = async (context) => {
  const name = 'aws credentials';
  const skipped = skipUnlessAws(context, name);
  if (skipped) return skipped;
  const outcome = await ask(context, 'aws', ['sts', 'get-caller-identity', '--output', 'json']);
  if (outcome === undefined) return { name, status: 'skip', detail: 'the aws command is not installed' };
  const arn = outcome.code === 0 ? text(at(parse(outcome.stdout), 'Arn')) : undefined;
  if (arn !== undefined) return { name, status: 'ok', detail: arn };
  const status = context.target === 'aws' ? 'fail' : 'warn';
  return {
    name,
    status,
    detail: lastLine(outcome),
    remedy: 'run `aws configure sso` or `aws configure`, or set AWS_PROFILE',
  };
};

/** How many vCPUs of GPU instances the account may run. */
export const awsGpuQuotas: readonly Check[] = GPU_QUOTAS.map(({ code, family }) => async (context: CheckContext) => {
  const name = `aws GPU quota ${family}`;
  const skipped = skipUnlessAws(context, name);
  if (skipped) return skipped;
  const args = [
    'service-quotas',
    'get-service-quota',
    '--service-code',
    'ec2',
    '--quota-code',
    code,
    '--output',
    'json',
  ];
  const outcome = await ask(context, 'aws', args);
  if (outcome === undefined) return { name, status: 'skip', detail: 'the aws command is not installed' };
  const value = outcome.code === 0 ? at(parse(outcome.stdout), 'Quota', 'Value') : undefined;
  if (typeof value !== 'number') return { name, status: 'skip', detail: `cannot be asked: ${lastLine(outcome)}` };
  const detail = `${value} vCPUs of on-demand instances`;
  if (value > 0) return { name, status: 'ok', detail };
  return {
    name,
    status: 'warn',
    detail,
    remedy: `ask for more: aws service-quotas request-service-quota-increase --service-code ec2 --quota-code ${code} --desired-value 192`,
  };
});

/** Whether the cluster of the current context answers. */
export const clusterCheck: Check = async (context) => {
  const name = 'cluster';
  const outcome = await ask(context, 'kubectl', ['version', '--output', 'json', '--request-timeout', '5s']);
  if (outcome === undefined) return { name, status: 'skip', detail: 'kubectl is not installed' };
  const version = text(at(parse(outcome.stdout), 'serverVersion', 'gitVersion'));
  const remedy = 'set KUBECONFIG, or write it with the output kubeconfig_command of the infrastructure stack';
  if (version === undefined) {
    // Before the first deployment there is no cluster, except where one is adopted.
    const status = context.target === 'onprem' ? 'fail' : 'warn';
    return { name, status, detail: `cannot be reached: ${lastLine(outcome)}`, remedy };
  }
  const minor = versionIn(version)?.slice(0, 2).join('.') ?? version;
  if (KUBERNETES_VERSIONS.some((known) => known === minor))
    return { name, status: 'ok', detail: `Kubernetes ${version}` };
  return {
    name,
    status: 'warn',
    detail: `Kubernetes ${version}; supported: ${KUBERNETES_VERSIONS.join(', ')}`,
    remedy: 'upgrade the cluster',
  };
};

function skipUnlessAws({ target }: CheckContext, name: string): CheckResult | undefined {
  return target === 'onprem' ? { name, status: 'skip', detail: 'not needed for onprem' } : undefined;
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json) as unknown;
  } catch {
    return undefined;
  }
}
