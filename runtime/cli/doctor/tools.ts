import { TERRAFORM_RANGE } from '../../../constructs/versions';
import { LOCAL_PROGRAMS, findProgram } from '../dev/local-programs';
import { which } from '../exec';
import { CONTAINER_TOOLS } from '../images/container-tool';
import { ask, atLeast, lastLine, versionIn } from './check';
import type { Check, CheckContext, CheckResult } from './check';

/** A program of others that the command or its user calls. */
interface Tool {
  readonly name: string;
  /** Any of these will do. */
  readonly programs: readonly string[];
  /** Arguments that make it print its version. */
  readonly args: readonly string[];
  readonly least: readonly number[];
  /** Status when it is absent. */
  readonly absent: 'warn' | 'fail';
  readonly purpose: string;
  readonly remedy: string;
}

const NODE_LEAST = [20, 19] as const;

const TERRAFORM: Tool = {
  name: 'terraform',
  programs: ['terraform', 'tofu'],
  args: ['version'],
  least: versionIn(TERRAFORM_RANGE) ?? [],
  absent: 'fail',
  purpose: 'deploys the stacks',
  remedy:
    'install Terraform (https://developer.hashicorp.com/terraform/install) or OpenTofu (https://opentofu.org/docs/intro/install)',
};

const CDKTF: Tool = {
  name: 'cdktf',
  programs: ['cdktf'],
  args: ['--version'],
  least: [0, 21],
  absent: 'warn',
  purpose: 'synthesizes and deploys your own stacks',
  remedy: 'npm install --save-dev cdktf-cli@0.21.0',
};

const KUBECTL: Tool = {
  name: 'kubectl',
  programs: ['kubectl'],
  args: ['version', '--client'],
  least: [1, 33],
  absent: 'warn',
  purpose: 'reaches the cluster',
  remedy: 'install it: https://kubernetes.io/docs/tasks/tools',
};

const HELM: Tool = {
  name: 'helm',
  programs: ['helm'],
  args: ['version', '--short'],
  least: [3, 8],
  absent: 'warn',
  purpose: 'installs exported charts; Terraform brings its own',
  remedy: 'install it when you use Delivery.export(): https://helm.sh/docs/intro/install',
};

const JQ: Tool = {
  name: 'jq',
  programs: ['jq'],
  args: ['--version'],
  least: [1, 5],
  absent: 'warn',
  purpose: 'takes digests of images and outputs of Terraform out of JSON',
  remedy: 'install it: https://jqlang.org/download',
};

const AWS_CLI: Tool = {
  name: 'aws',
  programs: ['aws'],
  args: ['--version'],
  least: [1, 27],
  absent: 'warn',
  purpose: 'authenticates Terraform and kubectl against EKS',
  remedy: 'install it: https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html',
};

/** Node.js itself. */
export const nodeCheck: Check = async () => {
  const version = process.versions.node;
  const fits = atLeast(versionIn(version) ?? [], NODE_LEAST);
  const remedy = { remedy: `install Node.js ${NODE_LEAST.join('.')} or later: https://nodejs.org` };
  return { name: 'node', status: fits ? 'ok' : 'fail', detail: `version ${version}`, ...(fits ? {} : remedy) };
};

/** Terraform, cdktf, kubectl, Helm, jq and, for AWS, its command line. */
export const toolChecks: readonly Check[] = [
  (context) => toolCheck(context, TERRAFORM),
  (context) => toolCheck(context, CDKTF),
  (context) => toolCheck(context, KUBECTL),
  (context) => toolCheck(context, HELM),
  (context) => toolCheck(context, JQ),
  async (context) => {
    if (context.target === 'onprem') return { name: 'aws', status: 'skip', detail: 'not needed for onprem' };
    return toolCheck(context, context.target === 'aws' ? { ...AWS_CLI, absent: 'fail' } : AWS_CLI);
  },
];

async function toolCheck(context: CheckContext, tool: Tool): Promise<CheckResult> {
  const { name, least, absent, remedy } = tool;
  const program = tool.programs.find((candidate) => which(candidate, context.io.env) !== undefined);
  const outcome = program === undefined ? undefined : await ask(context, program, tool.args);
  if (program === undefined || outcome === undefined) {
    return { name, status: absent, detail: `not installed; it ${tool.purpose}`, remedy };
  }
  const version = versionIn(outcome.stdout + outcome.stderr);
  if (version === undefined)
    return { name, status: 'warn', detail: `${program} tells no version: ${lastLine(outcome)}`, remedy };
  const detail = `${program} ${version.join('.')}`;
  if (atLeast(version, least)) return { name, status: 'ok', detail };
  return { name, status: absent, detail: `${detail}; needed: ${least.join('.')} or later`, remedy };
}

/** Something that builds images. */
export const containerCheck: Check = async ({ io }) => {
  const found = CONTAINER_TOOLS.filter((tool) => which(tool, io.env) !== undefined);
  if (found.length > 0) return { name: 'container tool', status: 'ok', detail: found.join(', ') };
  const remedy = 'install one, e.g. `apt-get install buildah`, or push images from a machine that has one';
  return {
    name: 'container tool',
    status: 'warn',
    detail: `none of ${CONTAINER_TOOLS.join(', ')}; it builds images`,
    remedy,
  };
};

/** The inference server, which `lnmt dev` runs. */
export const serverCheck: Check = async ({ io }) => {
  const name = LOCAL_PROGRAMS.inference.package;
  try {
    findProgram('inference', io.cwd, io.node);
    return { name, status: 'ok', detail: 'installed' };
  } catch {
    return {
      name,
      status: 'warn',
      detail: 'not installed; `lnmt dev` runs it',
      remedy: `npm install --save-dev ${name}`,
    };
  }
};
