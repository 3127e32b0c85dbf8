import { ApiObject } from 'cdk8s';
import { Op } from 'cdktf';
import type { Construct } from 'constructs';
import type { Addon } from '../addons/addon';
import { expectCloud } from '../cloud/building-block';
import type { ContainerRegistryProps, IContainerRegistry } from '../cloud/container-registry';
import type { EncryptionKeyProps, IEncryptionKey } from '../cloud/encryption-key';
import type { DeploymentCheck, KubernetesParts } from '../cloud/kubernetes-parts';
import { SECRET_STORE, secretStoreConditions } from '../cloud/secret';
import type { ISecret, ISecretStore, SecretProps, SecretStoreProps } from '../cloud/secret';
import type { IWorkloadIdentity, WorkloadIdentityProps } from '../cloud/workload-identity';
import { asExpression } from '../expression';
import { FakeBlock, fakeName } from './fake-block';
import type { Faked } from './fake-block';
import { FakeResource } from './fake-resource';

/** An identity with a late-bound annotation, which is the harder of the two kinds. */
export class FakeWorkloadIdentity extends FakeBlock implements IWorkloadIdentity {
  readonly namespace: string;
  readonly serviceAccountName: string;
  readonly serviceAccountAnnotations: Readonly<Record<string, string>>;
  readonly podLabels: Readonly<Record<string, string>> = { 'fake.example/identity': 'use' };

  constructor(scope: Construct, id: string, props: Faked<WorkloadIdentityProps>) {
    super(scope, id, { target: props.target, values: { client: fakeName(props.naming) } });
    expectCloud(this, 'cluster', props.cluster, props.target.name);
    this.namespace = props.namespace;
    this.serviceAccountName = props.serviceAccountName;
    this.serviceAccountAnnotations = { 'fake.example/client-id': this.resource.output('client') };
  }
}

/** A key with a late-bound id. */
export class FakeEncryptionKey extends FakeBlock implements IEncryptionKey {
  readonly keyId: string;

  constructor(scope: Construct, id: string, props: Faked<EncryptionKeyProps>) {
    super(scope, id, { target: props.target, values: { key: fakeName(props.naming) } });
    this.keep('key', props);
    this.keyId = this.resource.output('key');
  }
}

/** A secret without a value. */
export class FakeSecret extends FakeBlock implements ISecret {
  readonly externalKey: string;

  constructor(scope: Construct, id: string, props: Faked<SecretProps>) {
    super(scope, id, { target: props.target, values: { secret: props.naming.join('/') } });
    this.keep('secret', props);
    this.externalKey = this.resource.output('secret');
  }
}

const EXTERNAL_SECRETS: Addon = {
  name: 'external-secrets',
  layer: '10-operators',
  namespace: 'external-secrets',
  podSecurity: { level: 'restricted' },
  chart: { repository: 'https://charts.example.invalid', name: 'external-secrets', version: '1.0.0' },
  provides: ['external-secrets.io'],
};

/** A store of External Secrets with the provider that it has for tests. */
export class FakeSecretStore extends FakeBlock implements ISecretStore {
  readonly storeName = SECRET_STORE;
  override readonly kubernetes: KubernetesParts;
  private readonly prefix: string;

  constructor(scope: Construct, id: string, props: Faked<SecretStoreProps>) {
    super(scope, id, { target: props.target, values: { prefix: props.naming.join('/') } });
    expectCloud(this, 'cluster', props.cluster, props.target.name);
    this.prefix = props.naming.join('/');
    this.kubernetes = {
      addons: [EXTERNAL_SECRETS],
      objects: [
        {
          id: 'secret-store',
          layer: '20-platform',
          define: (chart) =>
            new ApiObject(chart, 'store', {
              apiVersion: 'external-secrets.io/v1',
              kind: 'ClusterSecretStore',
              metadata: { name: SECRET_STORE },
              spec: {
                provider: { fake: { data: [{ key: this.resource.output('prefix'), value: 'none' }] } },
                conditions: secretStoreConditions(props.platform, props.namespaces),
              },
            }),
        },
      ],
    };
  }

  externalKey(name: string): string {
    return `${this.prefix}/${name}`;
  }
}

/** A registry with a late-bound prefix. */
export class FakeContainerRegistry extends FakeBlock implements IContainerRegistry {
  readonly prefix: string;
  readonly loginCommand: string;

  constructor(scope: Construct, id: string, props: Faked<ContainerRegistryProps>) {
    super(scope, id, {
      target: props.target,
      values: { prefix: `registry.invalid/${fakeName(props.naming)}`, repositories: props.repositories },
    });
    this.keep('registry', props);
    this.prefix = this.resource.output('prefix');
    this.loginCommand = `fake login ${this.prefix}`;
  }

  imageExists(
    scope: Construct,
    id: string,
    image: { readonly repository: string; readonly digest: string },
    message: string,
  ): DeploymentCheck {
    const found = new FakeResource(scope, id, { image: `${this.prefix}/${image.repository}@${image.digest}` });
    return { condition: Op.neq(found.output('image'), asExpression('')).toString(), message };
  }
}
