import { describe, expect, test } from 'vitest';
import * as addons from '../../../constructs/addons';
import type { Addon, ChartReference, HelmValues } from '../../../constructs/addons';
import type { GpuPartOwner, GpuStack } from '../../../constructs/gpu-stack';
import { DASHBOARD_MARK, LABELS, REQUESTS_PER_SECOND_METRIC } from '../../../runtime/contract';
import type { Json } from '../../support/terraform-json';

const stack = (driver: GpuPartOwner, toolkit: GpuPartOwner, devicePlugin: GpuPartOwner): GpuStack => ({
  mode: 'test',
  driver,
  toolkit,
  devicePlugin,
});

const everyAddon = (): readonly Addon[] => [
  addons.argoCd(),
  addons.barmanCloudPlugin(),
  addons.certManager(),
  addons.cloudNativePg(),
  addons.csiDriverNfs({ server: 'nfs.example.com', share: '/export', storageClassName: 'lnmt-shared' }),
  addons.efaDevicePlugin(),
  addons.externalSecrets(),
  addons.flux(),
  addons.fsxCsiDriver(),
  addons.gpuOperator({ stack: stack('gpu-operator', 'gpu-operator', 'gpu-operator') }),
  ...addons.karpenter({ clusterName: 'ml', interruptionQueue: 'ml-interruptions' }),
  addons.kserveCrd(),
  addons.kserve(),
  ...addons.kubePrometheusStack(),
  addons.kueue(),
  addons.metricsServer(),
  addons.mongodbKubernetes(),
  addons.prometheusAdapter({ prometheusUrl: addons.PROMETHEUS.url }),
  addons.velero({ bucket: 'backups' }),
];
const ALL = everyAddon();

const value = (addon: Addon | undefined, path: string): Json | undefined =>
  path
    .split('.')
    .reduce<unknown>((inner, key) => (inner as Record<string, unknown> | undefined)?.[key], addon?.values) as
    Json | undefined;

describe('the catalogue', () => {
  const charts: readonly ChartReference[] = Object.values(addons.CATALOGUE);

  test('pins every chart to one exact version', () => {
    for (const chart of charts) {
      expect(chart.version, chart.name).toMatch(/^v?\d+\.\d+\.\d+$/);
      expect(chart.repository, chart.name).toMatch(/^(https|oci):\/\//);
    }
  });

  test('names every chart once, and each of them is installed by some add-on', () => {
    const key = ({ repository, name }: ChartReference): string => `${repository} ${name}`;
    const installed = new Set(ALL.map((addon) => key(addon.chart)));
    expect(charts.map(key).filter((chart) => !installed.has(chart))).toEqual([]);
    expect(new Set(charts.map(key)).size).toBe(charts.length);
  });

  test('pins images, and none of them is Bitnami’s', () => {
    for (const image of Object.values(addons.ADDON_IMAGES)) expect(image).toMatch(/:v\d+\.\d+\.\d+$/);
    expect(JSON.stringify([charts, ALL])).not.toContain('bitnami');
  });
});

describe('every add-on', () => {
  test('has a name of its own, which Helm accepts as a release', () => {
    expect(new Set(ALL.map((addon) => addon.name)).size).toBe(ALL.length);
    for (const addon of ALL) expect(addon.name).toMatch(/^[a-z][a-z0-9-]{0,52}$/);
  });

  test('says why its pods need more than the restricted standard', () => {
    const relaxed = ALL.filter((addon) => addon.podSecurity.level !== 'restricted');
    expect(relaxed.map((addon) => addon.name).sort()).toEqual([
      'aws-efa-k8s-device-plugin',
      'aws-fsx-csi-driver',
      'csi-driver-nfs',
      'gpu-operator',
      'kube-prometheus-stack',
      'velero',
    ]);
    for (const addon of relaxed) expect(addon.podSecurity.reason, addon.name).toMatch(/\w+ \w+/);
  });

  test('is data: the same call gives the same bytes, and Helm can read them', () => {
    expect(JSON.stringify(everyAddon())).toBe(JSON.stringify(ALL));
    const functions = (values: unknown): boolean =>
      typeof values === 'function' ||
      (typeof values === 'object' && values !== null && Object.values(values).some(functions));
    expect(ALL.filter((addon) => functions(addon.values))).toEqual([]);
  });

  test('no API group is brought twice', () => {
    const groups = ALL.flatMap((addon) => addon.provides ?? []);
    expect(groups.filter((group, position) => groups.indexOf(group) !== position)).toEqual([]);
  });

  test('whatever it has to follow is an add-on', () => {
    const names = ALL.map((addon) => addon.name);
    expect(ALL.flatMap((addon) => addon.after ?? []).filter((name) => !names.includes(name))).toEqual([]);
  });

  test('definitions are installed before operators, and kept', () => {
    const first = ALL.filter((addon) => addon.layer === '00-crds');
    expect(first.map((addon) => addon.name).sort()).toEqual([
      'karpenter-crd',
      'kserve-crd',
      'prometheus-operator-crds',
    ]);
    // The chart of KServe's definitions takes no values: they stay as long as their own release does.
    for (const addon of first.filter(({ name }) => name !== 'kserve-crd'))
      expect(JSON.stringify(addon.values), addon.name).toContain('"helm.sh/resource-policy":"keep"');
  });
});

describe('the GPU operator', () => {
  const installs = (of: GpuStack): (Json | undefined)[] => {
    const operator = addons.gpuOperator({ stack: of });
    return ['driver', 'toolkit', 'devicePlugin'].map((part) => value(operator, `${part}.enabled`));
  };

  test.each<[string, GpuStack, boolean[]]>([
    ['a bare node', stack('gpu-operator', 'gpu-operator', 'gpu-operator'), [true, true, true]],
    ['an image with driver and toolkit', stack('node-image', 'node-image', 'gpu-operator'), [false, false, true]],
    ['an image with everything', stack('node-image', 'node-image', 'node-image'), [false, false, false]],
    ['a driver of the cloud', stack('cloud', 'gpu-operator', 'gpu-operator'), [false, true, true]],
  ])('installs exactly what it owns: %s', (_, of, expected) => {
    expect(installs(of)).toEqual(expected);
  });

  test('a pod cannot take GPUs by naming them in its environment', () => {
    const operator = addons.gpuOperator({ stack: stack('gpu-operator', 'gpu-operator', 'gpu-operator') });
    expect(value(operator, 'toolkit.env')).toContainEqual({
      name: 'ACCEPT_NVIDIA_VISIBLE_DEVICES_ENVVAR_WHEN_UNPRIVILEGED',
      value: 'false',
    });
    expect(value(operator, 'devicePlugin.env')).toEqual([{ name: 'DEVICE_LIST_STRATEGY', value: 'volume-mounts' }]);
    expect(value(operator, 'cdi.enabled')).toBe(true);
  });

  test('refuses where the cloud owns everything', () => {
    expect(() => addons.gpuOperator({ stack: stack('cloud', 'cloud', 'cloud') })).toThrow(
      'LNMT3100: gpuOperator has nothing to install; got GPU stack test, all of which the cloud owns',
    );
  });
});

describe('monitoring', () => {
  test('selects monitors and rules of every namespace', () => {
    const spec = value(addons.kubePrometheusStack()[1], 'prometheus.prometheusSpec') as Record<string, Json>;
    const selectors = Object.keys(spec).filter((key) => key.endsWith('SelectorNilUsesHelmValues'));
    expect(selectors).toHaveLength(5);
    expect(selectors.map((key) => spec[key])).toEqual([false, false, false, false, false]);
  });

  test('shows dashboards of every namespace, by the label that ours carry', () => {
    expect(value(addons.kubePrometheusStack()[1], 'grafana.sidecar.dashboards')).toEqual({
      enabled: true,
      label: LABELS.dashboard,
      labelValue: DASHBOARD_MARK,
      searchNamespace: 'ALL',
    });
  });

  test('keeps metrics for as long and in as much room as asked, and deletes before the volume is full', () => {
    const spec = value(
      addons.kubePrometheusStack({ retentionDays: 30, storageGiB: 100 })[1],
      'prometheus.prometheusSpec',
    );
    expect(spec).toMatchObject({
      retention: '30d',
      retentionSize: '85GiB',
      storageSpec: { volumeClaimTemplate: { spec: { resources: { requests: { storage: '100Gi' } } } } },
    });
  });

  test('the definitions come once, from their own release', () => {
    expect(value(addons.kubePrometheusStack()[1], 'crds.enabled')).toBe(false);
  });

  test.each([
    [
      { retentionDays: 0 },
      'LNMT3101: retentionDays is out of range; got 0 days; allowed: whole numbers from 1 days; raise retentionDays',
    ],
    [{ storageGiB: 0.5 }, 'LNMT3101: storageGiB is out of range; got 0.5 GiB'],
  ])('refuses %o', (options, message) => {
    expect(() => addons.kubePrometheusStack(options)).toThrow(message);
  });

  test('the adapter serves the autoscaler’s metric and no other API', () => {
    const adapter = addons.prometheusAdapter({ prometheusUrl: 'http://${TfToken[TOKEN.1]}:9090' });
    expect(Object.keys(value(adapter, 'rules') as HelmValues)).toEqual(['default', 'custom']);
    expect(value(adapter, 'rules.default')).toBe(false);
    expect(JSON.stringify(value(adapter, 'rules.custom'))).toContain(`"as":"${REQUESTS_PER_SECOND_METRIC}"`);
    expect(value(adapter, 'prometheus')).toEqual({ url: 'http://${TfToken[TOKEN.1]}:9090', port: 0 });
  });

  test('kubelets are verified unless they cannot be', () => {
    expect(value(addons.metricsServer(), 'args')).toEqual([]);
    expect(value(addons.metricsServer({ verifyKubelets: false }), 'args')).toEqual(['--kubelet-insecure-tls']);
  });
});

describe('options of the other add-ons', () => {
  test('Karpenter learns cluster and queue, and its identity’s service account', () => {
    const [, controller] = addons.karpenter({ clusterName: 'ml', interruptionQueue: '${TfToken[TOKEN.2]}' });
    expect(value(controller, 'settings')).toEqual({ clusterName: 'ml', interruptionQueue: '${TfToken[TOKEN.2]}' });
    expect(value(controller, 'serviceAccount.name')).toBe(addons.KARPENTER.serviceAccountName);
  });

  test('External Secrets runs as the service account that the cloud bound', () => {
    expect(value(addons.externalSecrets({ serviceAccountName: 'eso' }), 'serviceAccount')).toMatchObject({
      create: true,
      name: 'eso',
    });
  });

  test('Velero backs up daily to one store, with an identity or with a secret, never with a value', () => {
    const plain = addons.velero({ bucket: 'backups', hour: 5, retentionDays: 7 });
    expect(value(plain, 'schedules.daily')).toMatchObject({ schedule: '0 5 * * *', template: { ttl: '168h0m0s' } });
    expect(value(plain, 'credentials')).toEqual({ useSecret: false });
    const compatible = addons.velero({ bucket: 'b', s3Url: 'https://ceph', credentialsSecret: 'keys' });
    expect(value(compatible, 'credentials')).toEqual({ useSecret: false });
    expect(value(compatible, 'configuration.backupStorageLocation.0.credential')).toEqual({
      name: 'keys',
      key: 'cloud',
    });
    expect(value(compatible, 'configuration.backupStorageLocation.0.config')).toMatchObject({
      s3ForcePathStyle: 'true',
    });
  });

  test('Velero reads volumes on nodes with accelerators, too', () => {
    expect(value(addons.velero({ bucket: 'backups' }), 'nodeAgent.tolerations')).toEqual([
      { key: 'nvidia.com/gpu', operator: 'Exists', effect: 'NoSchedule' },
    ]);
  });

  test('Velero leaves out volumes that are lost with their pod, by the one policy that its schedule names', () => {
    const plain = addons.velero({ bucket: 'backups' });
    expect(value(plain, 'schedules.daily.template.resourcePolicy')).toEqual({
      kind: 'configmap',
      name: `${plain.name}-volume-policy`,
    });
    const data = value(plain, 'configMaps.volume-policy.data') as Record<string, string>;
    expect(Object.values(data).map((text) => JSON.parse(text) as unknown)).toEqual([
      {
        version: 'v1',
        volumePolicies: [{ conditions: { volumeTypes: ['emptyDir'] }, action: { type: 'skip' } }],
      },
    ]);
  });

  test('the NFS class keeps what is on it', () => {
    const nfs = addons.csiDriverNfs({ server: 's', share: '/e', storageClassName: 'lnmt-shared' });
    expect(value(nfs, 'storageClass')).toMatchObject({ create: true, name: 'lnmt-shared', reclaimPolicy: 'Retain' });
  });
});
