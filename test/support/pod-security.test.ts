import { describe, expect, test } from 'vitest';
import { manifestOf } from './manifests';
import type { Manifest } from './manifests';
import { checkPodSecurity, podSecurityFaults } from './pod-security';
import type { JsonObject } from './terraform-json';

const container: JsonObject = {
  name: 'app',
  image: 'registry.example.com/app@sha256:0',
  ports: [{ containerPort: 8080 }],
  readinessProbe: { httpGet: { path: '/v2/health/ready', port: 8080 } },
  securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] } },
};
const good: JsonObject = {
  securityContext: {
    runAsNonRoot: true,
    runAsUser: 10001,
    seccompProfile: { type: 'RuntimeDefault' },
    sysctls: [{ name: 'net.ipv4.tcp_syncookies', value: '1' }],
  },
  volumes: [
    { name: 'tmp', emptyDir: {} },
    { name: 'token', projected: { sources: [] } },
  ],
  containers: [container],
};

const withPod = (more: JsonObject): JsonObject => ({ ...good, ...more });
const withContainer = (more: JsonObject): JsonObject => withPod({ containers: [{ ...container, ...more }] });
const withContext = (more: JsonObject): JsonObject =>
  withContainer({ securityContext: { ...(container['securityContext'] as JsonObject), ...more } });
const judge = (
  spec: JsonObject,
  level: 'baseline' | 'restricted' = 'restricted',
  annotations: JsonObject = {},
): string[] => podSecurityFaults({ path: 'spec', spec, annotations }, level);

describe('the evaluator of the Pod Security Standards', () => {
  test('accepts a pod that fulfils every restricted control', () => {
    expect(judge(good)).toEqual([]);
  });

  test.each<[string, JsonObject, string]>([
    ['the host network', withPod({ hostNetwork: true }), 'hostNetwork must not be set'],
    ['the host process namespace', withPod({ hostPID: true }), 'hostPID must not be set'],
    ['a Windows host process', withContext({ windowsOptions: { hostProcess: true } }), 'hostProcess must not be set'],
    ['a privileged container', withContext({ privileged: true }), 'must not be privileged'],
    ['a dangerous capability', withContext({ capabilities: { drop: ['ALL'], add: ['SYS_ADMIN'] } }), 'SYS_ADMIN'],
    ['a host path', withPod({ volumes: [{ name: 'v', hostPath: { path: '/' } }] }), 'hostPath is not allowed'],
    ['a host port', withContainer({ ports: [{ containerPort: 1, hostPort: 1 }] }), 'host ports are not allowed'],
    [
      'a probe of another host',
      withContainer({ livenessProbe: { httpGet: { host: '10.0.0.1', port: 1 } } }),
      'must not name a host',
    ],
    [
      'unconfined AppArmor',
      withContext({ appArmorProfile: { type: 'Unconfined' } }),
      'AppArmor must not be Unconfined',
    ],
    ['a custom SELinux type', withContext({ seLinuxOptions: { type: 'spc_t' } }), 'seLinuxOptions'],
    [
      'an SELinux role',
      withPod({
        securityContext: {
          runAsNonRoot: true,
          seccompProfile: { type: 'RuntimeDefault' },
          seLinuxOptions: { role: 'r' },
        },
      }),
      'seLinuxOptions',
    ],
    ['an unmasked /proc', withContext({ procMount: 'Unmasked' }), 'procMount must be Default'],
    ['unconfined seccomp', withContext({ seccompProfile: { type: 'Unconfined' } }), 'seccomp must not be Unconfined'],
    [
      'an unsafe sysctl',
      withPod({ securityContext: { sysctls: [{ name: 'kernel.msgmax', value: '1' }] } }),
      'sysctl kernel.msgmax',
    ],
  ])('refuses %s at the baseline level already', (_, spec, fault) => {
    expect(judge(spec, 'baseline').join('\n')).toContain(fault);
  });

  test.each<[string, JsonObject, string]>([
    [
      'a volume type that is not listed',
      withPod({ volumes: [{ name: 'v', nfs: { server: 'a', path: '/' } }] }),
      'type nfs is not allowed',
    ],
    [
      'possible privilege escalation',
      withContainer({ securityContext: { capabilities: { drop: ['ALL'] } } }),
      'allowPrivilegeEscalation must be false',
    ],
    [
      'a pod that may run as root',
      withPod({ securityContext: { seccompProfile: { type: 'RuntimeDefault' } } }),
      'runAsNonRoot must be true',
    ],
    ['a container that overrides runAsNonRoot', withContext({ runAsNonRoot: false }), 'runAsNonRoot must be true'],
    ['user 0', withContext({ runAsUser: 0 }), 'runAsUser must not be 0'],
    ['an absent seccomp profile', withPod({ securityContext: { runAsNonRoot: true } }), 'seccompProfile must be'],
    ['capabilities that are kept', withContext({ capabilities: { drop: ['NET_RAW'] } }), 'must drop ALL capabilities'],
    ['a capability that baseline allows', withContext({ capabilities: { drop: ['ALL'], add: ['CHOWN'] } }), 'CHOWN'],
    [
      'an init container like any other',
      withPod({ initContainers: [{ name: 'init' }] }),
      'initContainers[0] init: allowPrivilegeEscalation',
    ],
  ])('refuses %s at the restricted level', (_, spec, fault) => {
    expect(judge(spec).join('\n')).toContain(fault);
    expect(judge(spec, 'baseline')).toEqual([]);
  });

  test('refuses an unconfined AppArmor annotation', () => {
    const annotations = { 'container.apparmor.security.beta.kubernetes.io/app': 'unconfined' };
    expect(judge(good, 'baseline', annotations)).toHaveLength(1);
  });
});

describe('the judgement of a set of objects', () => {
  const namespace = (name: string, level?: string): Manifest =>
    manifestOf(
      {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name, ...(level && { labels: { 'pod-security.kubernetes.io/enforce': level } }) },
      },
      'test',
    );
  const job = (ns: string, spec: JsonObject): Manifest =>
    manifestOf(
      {
        apiVersion: 'trainer.example.com/v1',
        kind: 'TrainJob',
        metadata: { name: 'run', namespace: ns },
        spec: { runtime: { template: { spec } } },
      },
      'test',
    );

  test('finds pods inside custom resources', () => {
    const verdict = checkPodSecurity([namespace('jobs', 'restricted'), job('jobs', withPod({ hostIPC: true }))]);
    expect(verdict).toEqual({
      faults: [
        'trainer.example.com/v1 TrainJob jobs/run spec.runtime.template.spec: hostIPC must not be set (restricted)',
      ],
      pods: 1,
      relaxed: [],
    });
  });

  test('judges by the level of the namespace and lists what is relaxed', () => {
    const verdict = checkPodSecurity([namespace('drivers', 'privileged'), job('drivers', withPod({ hostIPC: true }))]);
    expect(verdict).toEqual({ faults: [], pods: 1, relaxed: ['drivers=privileged'] });
  });

  test('refuses a namespace that enforces nothing', () => {
    expect(checkPodSecurity([namespace('open')]).faults).toEqual([
      'v1 Namespace open: enforces no Pod Security Standard',
    ]);
  });
});
