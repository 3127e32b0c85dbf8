import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiClient } from './api-client';
import type { JsonObject } from '../../support/terraform-json';

const MADE_BY_US = 'lnmt-test-volume';

/**
 * Does what a cloud or an operator would do and nothing here pretends: binds volumes that are waited for, gives load balancers an
 * address, and lets go of deleted objects that wait for their operator. Ends when `stop` is called.
 */
export class Caretaker {
  private running = true;
  private readonly done: Promise<void>;
  private failure: unknown;

  constructor(private readonly api: ApiClient) {
    this.done = this.loop();
  }

  /** Ends the loop; throws what went wrong in it. */
  async stop(): Promise<void> {
    this.running = false;
    await this.done;
    if (this.failure) throw new Error('the caretaker of volumes and load balancers failed', { cause: this.failure });
  }

  private async loop(): Promise<void> {
    while (this.running) {
      try {
        await this.bindVolumes();
        await this.removeReleasedVolumes();
        await this.addressLoadBalancers();
        await this.finalize('/apis/argoproj.io/v1alpha1/applications');
      } catch (error) {
        if (this.running) this.failure = error;
      }
      await sleep(500);
    }
  }

  private async bindVolumes(): Promise<void> {
    for (const claim of await this.api.list('/api/v1/persistentvolumeclaims')) {
      if (claim.status?.['phase'] !== 'Pending' || claim.spec?.['volumeName']) continue;
      const { name, namespace } = claim.metadata;
      const spec = claim.spec ?? {};
      const resources = spec['resources'] as JsonObject | undefined;
      await this.api.request('POST', '/api/v1/persistentvolumes', {
        apiVersion: 'v1',
        kind: 'PersistentVolume',
        metadata: { name: `${namespace ?? ''}-${name}`, labels: { [MADE_BY_US]: 'true' } },
        spec: {
          accessModes: spec['accessModes'],
          capacity: { storage: (resources?.['requests'] as JsonObject | undefined)?.['storage'] },
          storageClassName: spec['storageClassName'] ?? '',
          volumeMode: spec['volumeMode'] ?? 'Filesystem',
          claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', name, namespace },
          hostPath: { path: '/nowhere' },
          persistentVolumeReclaimPolicy: 'Retain',
        },
      });
    }
  }

  private async removeReleasedVolumes(): Promise<void> {
    for (const volume of await this.api.list(`/api/v1/persistentvolumes?labelSelector=${MADE_BY_US}`))
      if (volume.status?.['phase'] === 'Released')
        await this.api.request('DELETE', `/api/v1/persistentvolumes/${volume.metadata.name}`);
  }

  private async finalize(path: string): Promise<void> {
    for (const { metadata } of await this.api.list(path)) {
      if (!metadata.deletionTimestamp) continue;
      const one = path.replace(/\/(\w+)$/, `/namespaces/${metadata.namespace ?? ''}/$1/${metadata.name}`);
      await this.api.request(
        'PATCH',
        one,
        { metadata: { finalizers: null } },
        { 'content-type': 'application/merge-patch+json' },
      );
    }
  }

  private async addressLoadBalancers(): Promise<void> {
    for (const service of await this.api.list('/api/v1/services')) {
      const status = service.status?.['loadBalancer'] as JsonObject | undefined;
      if (service.spec?.['type'] !== 'LoadBalancer' || status?.['ingress']) continue;
      const path = `/api/v1/namespaces/${service.metadata.namespace ?? ''}/services/${service.metadata.name}/status`;
      await this.api.request('PATCH', path, {
        status: { loadBalancer: { ingress: [{ hostname: 'lb.example.com' }] } },
      });
    }
  }
}
