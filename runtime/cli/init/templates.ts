import { CLI_ENV } from '../../contract';
import { testedVersion } from '../own-package';

/** Targets that a project can be made for. */
export const INIT_TARGETS = ['aws', 'onprem'] as const;

/** One of {@link INIT_TARGETS}. */
export type InitTarget = (typeof INIT_TARGETS)[number];

/** What differs between the projects of two targets. */
interface TargetTemplate {
  /** Packages beside those that every project needs. */
  readonly packages: readonly string[];
  readonly importLine: string;
  /** Expression that makes the cloud. */
  readonly cloud: string;
  /** Statement about where the Kubernetes API can be reached from. */
  readonly access: string;
}

const TARGETS: Readonly<Record<InitTarget, TargetTemplate>> = {
  aws: {
    packages: ['@cdktf/provider-aws'],
    importLine: "import { AwsCloud } from 'lnmt/aws';",
    cloud: " new AwsCloud({ region: 'eu-west-1' })",
    access: "ClusterAccess.publicFrom('203.0.113.0/24')",
  },
  onprem: {
    packages: [],
    importLine: "import { OnPremCloud, OnPremFileStorage, OnPremObjectStorage } from 'lnmt/onprem';",
    cloud: `
    new OnPremCloud({
      network: { cidr: '10.20.0.0/16' },
      nodes: [{ shape: { vcpus: 32, memoryGiB: 128 }, count: 6 }],
      objectStore: OnPremObjectStorage.s3({
        endpoint: 'https://s3.example.com',
        bucket: 'lnmt',
        credentialsSecret: ['ml', 's3'],
      }),
      fileStore: OnPremFileStorage.nfs({ server: 'nfs.example.com', share: '/export/lnmt' }),
      registry: 'registry.example.com/lnmt',
    })`,
    access: 'ClusterAccess.insideNetwork()',
  },
};

const COMMON_PACKAGES = ['@cdktf/provider-helm', 'cdk8s', 'cdk8s-plus-27', 'cdktf', 'constructs'] as const;
const DEVELOPMENT_PACKAGES = ['@types/node', 'tsx', 'typescript'] as const;

/** Files of a new project, by relative path. */
export function projectFiles(target: InitTarget, name: string, version: string): ReadonlyMap<string, string> {
  return new Map([
    ['package.json', json(packageJson(target, name, version))],
    ['cdktf.json', json(CDKTF_JSON(target))],
    ['tsconfig.json', json(TSCONFIG)],
    ['main.ts', mainTs(target)],
    ['.gitignore', '/node_modules/\n/cdktf.out/\n/keys.json\n*.tfstate*\n.terraform/\n'],
    // Native packages would fetch hundreds of MB in their install scripts; nothing here needs that.
    ['.npmrc', 'ignore-scripts=true\n'],
  ]);
}

function packageJson(target: InitTarget, name: string, version: string): object {
  const pinned = (names: readonly string[]): Record<string, string> =>
    Object.fromEntries([...names].sort().map((dependency) => [dependency, testedVersion(dependency)]));
  return {
    name,
    version: '0.1.0',
    private: true,
    type: 'commonjs',
    engines: { node: '>=20.19' },
    scripts: { synth: 'lnmt synth', plan: 'lnmt plan', dev: 'lnmt dev' },
    dependencies: { ...pinned([...COMMON_PACKAGES, ...TARGETS[target].packages]), lnmt: version },
    devDependencies: pinned(DEVELOPMENT_PACKAGES),
  };
}

const CDKTF_JSON = (target: InitTarget): object => ({
  language: 'typescript',
  app: 'npx tsx main.ts',
  output: 'cdktf.out',
  sendCrashReports: 'false',
  terraformProviders: [],
  terraformModules: [],
  context: { 'lnmt/targets': [target] },
});

const TSCONFIG = {
  compilerOptions: {
    target: 'ES2022',
    module: 'node16',
    moduleResolution: 'node16',
    strict: true,
    esModuleInterop: true,
    resolveJsonModule: true,
    skipLibCheck: true,
    noEmit: true,
    types: ['node'],
  },
  include: ['*.ts'],
};

function mainTs(target: InitTarget): string {
  const { importLine, cloud, access } = TARGETS[target];
  return `import { App } from 'cdktf';
import { Auth, ClusterAccess, Images, Model, Scaling, SecretReference } from 'lnmt';
import type { ICloud } from 'lnmt';
${importLine}
import { PlatformStacks } from 'lnmt/stacks';

/** Where the platform can live. One row more is one target more: \`lnmt plan --all-targets\` shows them side by side. */
const clouds: Record<string, () => ICloud> = {
  ${target}: () =>${cloud},
};

/** Digests that \`lnmt images push\` prints. These are not real: replace them before you deploy. */
const digests = { inference: 'sha256:${'0'.repeat(64)}' };

const target = process.env['${CLI_ENV.target.name}'] ?? '${target}';
const cloud = clouds[target]?.();
if (cloud === undefined) throw new Error(\`no target \${target}; there are \${Object.keys(clouds).join(', ')}\`);

const app = new App();
new PlatformStacks(app, 'ml', {
  cloud,
  platform: { environment: 'development', access: ${access} },
  endpoints: [
    {
      id: 'digits',
      model: Model.fromStore('digits', 1),
      scaling: Scaling.between(2, 10).cpu(70),
      auth: Auth.apiKeys(SecretReference.fromStore('digits-api-keys')),
    },
  ],
  images: Images.fromPlatform(digests),
});
app.synth();
`;
}

function json(value: object): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
