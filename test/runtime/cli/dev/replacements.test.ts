import { describe, expect, test } from 'vitest';
import { LOCAL_PROGRAMS } from '../../../../runtime/cli/dev/local-programs';
import { localEnvironment } from '../../../../runtime/cli/dev/replacements';
import type { Surroundings } from '../../../../runtime/cli/dev/replacements';
import { localServices } from '../../../../runtime/cli/dev/services';
import { readWorkloads } from '../../../../runtime/cli/dev/workload';
import type { Workload } from '../../../../runtime/cli/dev/workload';
import { objectsOf, quickstartOutput } from './support';

const program = LOCAL_PROGRAMS.inference;
const FOLDERS = new Map([
  ['/tmp', '/local/tmp'],
  ['/var/cache/lnmt/models', '/local/cache'],
  ['/etc/lnmt/api-keys', '/local/keys'],
]);
const WITHOUT_STORE: Surroundings = {
  host: '127.0.0.1',
  ports: new Map([
    [8080, 18080],
    [9090, 19090],
  ]),
  folders: FOLDERS,
  services: [],
  caller: {},
};
const AROUND: Surroundings = { ...WITHOUT_STORE, models: 'file:///models' };

function workloadOf(target: string): Workload {
  const [workload] = readWorkloads(objectsOf(quickstartOutput(target))).ours;
  if (workload === undefined) throw new Error('no workload');
  return workload;
}

const withEnv = (values: Readonly<Record<string, string>>, rest: Partial<Workload> = {}): Workload => ({
  ...workloadOf('aws'),
  env: new Map(Object.entries(values).map(([name, value]) => [name, { kind: 'value', value }])),
  ...rest,
});

describe('the environment of a local process', () => {
  test.each(['aws', 'onprem'])('is the manifest’s on %s, except for what is listed as replaced', (target) => {
    const workload = workloadOf(target);
    const { env, replacements } = localEnvironment(workload, program, AROUND);
    const replaced = new Set(replacements.map(({ what }) => what));
    for (const [name, source] of workload.env) {
      if (!replaced.has(name)) expect(env[name], name).toBe(source.kind === 'value' ? source.value : undefined);
    }
    for (const name of Object.keys(env)) if (!workload.env.has(name)) expect(replaced).toContain(name);
    expect(new Set(replacements.map(({ kind }) => kind))).toEqual(
      new Set([
        'bind address',
        'port',
        'mount root',
        'replica count',
        ...(target === 'onprem' ? ['late-bound value'] : []),
      ]),
    );
    expect(env).toMatchObject({
      LNMT_AUTH: 'api-keys',
      LNMT_BIND_ADDRESS: '127.0.0.1',
      LNMT_HTTP_PORT: '18080',
      LNMT_METRICS_PORT: '19090',
      LNMT_MODEL_URI: 'file:///models',
      LNMT_MODEL_CACHE_DIR: '/local/cache',
      LNMT_API_KEYS_DIR: '/local/keys',
      LNMT_GRACE_SECONDS: '25',
      TMPDIR: '/local/tmp',
    });
    expect(replacements).toContainEqual({ what: 'replicas', from: '3', to: '1', kind: 'replica count' });
  });

  test('leaves the store of the manifest where no local one is given', () => {
    expect(
      localEnvironment(withEnv({ LNMT_MODEL_URI: 's3://real' }), program, WITHOUT_STORE).env['LNMT_MODEL_URI'],
    ).toBe('s3://real');
  });

  test('refuses a setting that only deployment knows, and says what to do', () => {
    expect(() => localEnvironment(workloadOf('aws'), program, WITHOUT_STORE)).toThrow(
      /LNMT6020: LNMT_MODEL_URI is known only after deployment; got s3:\/\/<\w+>; pass --models DIR/,
    );
  });

  test('drops late-bound values of optional settings and of the user’s own variables, and says so', () => {
    const workload = withEnv({ LNMT_S3_ENDPOINT: 'http://\uE000endpoint\uE001', OWN: '\uE000x\uE001' });
    const { env, replacements } = localEnvironment(workload, program, AROUND);
    expect(env).not.toHaveProperty('LNMT_S3_ENDPOINT');
    expect(env).not.toHaveProperty('OWN');
    expect(replacements).toContainEqual({ what: 'OWN', from: '<x>', to: '(unset)', kind: 'late-bound value' });
  });

  test('speaks plain HTTP where the certificate is in a Secret of the cluster, and says so', () => {
    const files = { LNMT_TLS_CERT_FILE: '/etc/lnmt/tls/tls.crt', LNMT_TLS_KEY_FILE: '/etc/lnmt/tls/tls.key' };
    const { env, replacements } = localEnvironment(withEnv(files), program, AROUND);
    for (const [what, from] of Object.entries(files)) {
      expect(env).not.toHaveProperty(what);
      expect(replacements).toContainEqual({ what, from, to: '(unset)', kind: 'late-bound value' });
    }
  });

  test('takes what a Secret would hold from the caller, by name', () => {
    const workload: Workload = {
      ...workloadOf('aws'),
      env: new Map([['TOKEN', { kind: 'secret', secret: 's', key: 'k' }]]),
    };
    const { env, replacements } = localEnvironment(workload, program, {
      ...AROUND,
      caller: { TOKEN: 'own', OTHER: 'x' },
    });
    expect(env['TOKEN']).toBe('own');
    expect(env).not.toHaveProperty('OTHER');
    expect(JSON.stringify(replacements)).not.toContain('"own"');
  });

  test('sends defaults under a mounted folder to the local folder', () => {
    expect(localEnvironment(withEnv({}), program, AROUND).env).toMatchObject({
      LNMT_MODEL_CACHE_DIR: '/local/cache',
      LNMT_API_KEYS_DIR: '/local/keys',
    });
  });

  test('sends names of Services to the processes behind them, and leaves look-alikes alone', () => {
    const workload = withEnv({
      URL: 'http://digits.aws-inference.svc:8080/v2',
      LONG: 'http://digits.aws-inference.svc.cluster.local:8080',
      OTHER: 'http://not-digits.aws-inference.svc:8080 digits.aws-inference.svcs',
      NAME: 'digits',
    });
    const placed = { workload, ports: AROUND.ports };
    const services = localServices(objectsOf(quickstartOutput('aws')), [placed]);
    expect(services.map(({ name }) => name).sort()).toEqual(['digits', 'digits-metrics']);
    const { env, replacements } = localEnvironment(workload, program, { ...AROUND, services });
    expect(env).toMatchObject({
      URL: 'http://127.0.0.1:18080/v2',
      LONG: 'http://127.0.0.1:18080',
      OTHER: 'http://not-digits.aws-inference.svc:8080 digits.aws-inference.svcs',
      NAME: 'digits',
    });
    expect(replacements.filter(({ kind }) => kind === 'Service name').map(({ what }) => what)).toEqual(['URL', 'LONG']);
  });
});
