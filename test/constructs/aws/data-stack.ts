import { AwsProvider } from '@cdktf/provider-aws/lib/provider';
import { Chart, Testing as Cdk8sTesting } from 'cdk8s';
import { LocalBackend, TerraformStack, Testing } from 'cdktf';
import { Construct } from 'constructs';
import { EksCluster } from '../../../constructs/aws/cluster';
import { KmsKey } from '../../../constructs/aws/encryption-key';
import { VpcNetwork } from '../../../constructs/aws/network';
import { AwsWorkloadIdentity } from '../../../constructs/aws/workload-identity';
import type { IBuildingBlock } from '../../../constructs/cloud/building-block';
import type { IEncryptionKey } from '../../../constructs/cloud/encryption-key';
import type { KubernetesParts } from '../../../constructs/cloud/kubernetes-parts';
import { NO_PARTS } from '../../../constructs/cloud/kubernetes-parts';
import type { JsonObject, TerraformDocument } from '../../support/terraform-json';
import { testApp } from '../../../constructs/testing';

/** Region of every test. */
export const REGION = 'eu-west-1';

/** A stack with an adopted network and cluster, so that a test synthesizes little besides its subject. */
export class DataStack {
  readonly app = Testing.stubVersion(testApp());
  readonly stack = new TerraformStack(this.app, 'data');
  readonly network = VpcNetwork.fromVpc(this.stack, 'network', {
    vpcId: 'vpc-1',
    cidr: '10.0.0.0/16',
    privateSubnetIds: ['subnet-a', 'subnet-b', 'subnet-c'],
    region: REGION,
  });
  readonly cluster = EksCluster.fromCluster(this.stack, 'cluster', {
    clusterName: 'ml',
    region: REGION,
    version: '1.36',
  });

  constructor() {
    new LocalBackend(this.stack, { path: 'terraform.tfstate' });
    new AwsProvider(this.stack, 'aws', { region: REGION });
  }

  /** Props that most blocks share. */
  readonly common = { network: this.network, cluster: this.cluster, region: REGION };

  private adoptedKey: IEncryptionKey | undefined;

  /** A key of the account, the same at every call. */
  key(): IEncryptionKey {
    return (this.adoptedKey ??= KmsKey.fromKey(this.stack, 'key', {
      keyArn: `arn:aws:kms:${REGION}:111122223333:key/k`,
    }));
  }

  identity(id = 'identity'): AwsWorkloadIdentity {
    return new AwsWorkloadIdentity(this.stack, id, {
      cluster: this.cluster,
      namespace: 'models',
      serviceAccountName: id,
      naming: ['ml', id],
      region: REGION,
    });
  }

  /** Everything that the stack declares. */
  document(): TerraformDocument {
    return JSON.parse(Testing.synth(this.stack)) as TerraformDocument;
  }

  /** Resources of one type, by logical id. */
  resources(type: string): Readonly<Record<string, JsonObject>> {
    return this.document().resource?.[type] ?? {};
  }

  /** The only resource of a type. */
  only(type: string): JsonObject {
    const found = Object.values(this.resources(type));
    if (found.length !== 1 || found[0] === undefined) throw new Error(`${found.length} resources of type ${type}`);
    return found[0];
  }

  /** Everything that a call adds to the stack, resources and data sources alike. */
  added(call: () => unknown): string[] {
    const addresses = (): string[] =>
      (['resource', 'data'] as const).flatMap((section) =>
        Object.entries(this.document()[section] ?? {}).flatMap(([type, byName]) =>
          Object.keys(byName).map((name) => `${section}.${type}.${name}`),
        ),
      );
    const before = new Set(addresses());
    call();
    return addresses().filter((address) => !before.has(address));
  }

  /** Types of all resources, sorted. */
  types(): string[] {
    return Object.keys(this.document().resource ?? {}).sort();
  }
}

/** Statements of the policy in an argument of a resource. */
export function statementsOf(resource: JsonObject | undefined, argument = 'policy'): readonly JsonObject[] {
  const text = resource?.[argument];
  if (typeof text !== 'string') throw new Error(`${argument} is no policy`);
  return (JSON.parse(text) as { readonly Statement: readonly JsonObject[] }).Statement;
}

/** The statement with a name. */
export function statement(resource: JsonObject | undefined, sid: string, argument = 'policy'): JsonObject {
  const found = statementsOf(resource, argument).find((one) => one['Sid'] === sid);
  if (found === undefined) throw new Error(`no statement ${sid}`);
  return found;
}

/** Manifests of what a block brings into the cluster. */
export function manifestsOf(parts: KubernetesParts): unknown[] {
  const app = Cdk8sTesting.app();
  return parts.objects.flatMap((objects) => {
    const chart = new Chart(app, objects.id);
    objects.define(chart);
    return Cdk8sTesting.synth(chart) as unknown[];
  });
}

/** A block of another cloud. */
export class ForeignBlock extends Construct implements IBuildingBlock {
  readonly kubernetes = NO_PARTS;

  constructor(
    scope: Construct,
    id: string,
    readonly cloud: string = 'onprem',
  ) {
    super(scope, id);
  }
}

/** The coded error that a call throws, as its code and path. */
export function codeOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    return String((error as { readonly code?: unknown }).code ?? error);
  }
  return 'accepted';
}
