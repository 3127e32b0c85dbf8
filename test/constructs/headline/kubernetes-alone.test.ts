import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { App, Chart } from 'cdk8s';
import { Auth, InferenceWorkload, PlatformNamespace, Scaling, SecretReference } from 'lnmt/kubernetes';
import { describe, expect, it } from 'vitest';
import { checkManifests } from '../../support/kubernetes-check';
import { manifestOf } from '../../support/manifests';
import { checkPodSecurity } from '../../support/pod-security';
import type { Json } from '../../support/terraform-json';

describe('the Kubernetes half in a plain cdk8s app', () => {
  const chart = new Chart(new App(), 'serving');
  new PlatformNamespace(chart, 'namespace', { name: 'models', platform: 'ml', kubernetesVersion: '1.36' });
  new InferenceWorkload(chart, 'digits', {
    name: 'digits',
    namespace: 'models',
    image: `registry.example.com/lnmt/inference@sha256:${'a'.repeat(64)}`,
    model: { name: 'digits', version: '3' },
    storeUri: 's3://example-models',
    scaling: Scaling.between(3, 50).cpu(70),
    auth: Auth.apiKeys(SecretReference.fromKubernetes('digits-api-keys')),
  });
  const manifests = (chart.toJson() as Json[]).map((object) => manifestOf(object, 'serving'));

  it('renders an endpoint that the schemas and the restricted standard accept', async () => {
    expect(manifests.map((object) => object.kind)).toEqual(
      expect.arrayContaining(['Namespace', 'Deployment', 'Service', 'HorizontalPodAutoscaler', 'NetworkPolicy']),
    );
    expect((await checkManifests(manifests)).faults).toEqual([]);
    expect(checkPodSecurity(manifests)).toMatchObject({ faults: [], relaxed: [] });
  });

  it('loads neither cdktf nor a provider', () => {
    const root = path.resolve(__dirname, '../../..');
    const program = `
      require('./constructs/kubernetes');
      const loaded = Object.keys(require.cache).filter((file) => /node_modules.(cdktf|@cdktf)./.test(file));
      process.stdout.write(JSON.stringify(loaded));
    `;
    const text = execFileSync(process.execPath, ['--import', require.resolve('tsx'), '--eval', program], { cwd: root });
    expect(JSON.parse(text.toString())).toEqual([]);
  });
});
