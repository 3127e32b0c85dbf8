import { Chart, Testing as Cdk8sTesting } from 'cdk8s';
import { DefaultTokenResolver, LocalBackend, StringConcat, TerraformStack, Testing, Tokenization } from 'cdktf';
import { AwsCloud } from '../../../constructs/aws/aws-cloud';
import type { AwsCloudProps } from '../../../constructs/aws/aws-cloud';
import { EksCluster } from '../../../constructs/aws/cluster';
import type { IEksCluster } from '../../../constructs/aws/cluster-types';
import { VpcNetwork } from '../../../constructs/aws/network';
import type { IVpcNetwork } from '../../../constructs/aws/network';
import { ClusterAccess } from '../../../constructs/cloud/cluster';
import type { ClusterProps } from '../../../constructs/cloud/cluster';
import type { IBuildingBlock } from '../../../constructs/cloud/building-block';
import type { NetworkOptions } from '../../../constructs/cloud/network';
import { checkTerraform } from '../../support/jsii-check';
import type { Json, JsonObject, TerraformDocument } from '../../support/terraform-json';
import { testApp } from '../../../constructs/testing';

/** Region of every test. */
export const REGION = 'eu-west-1';

/** A Kubernetes object of a test. */
export interface TestObject extends JsonObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: JsonObject;
}

/** A stack bound to AWS, with what compute blocks stand on. */
export class ComputeStack {
  readonly app = Testing.stubVersion(testApp());
  readonly stack = new TerraformStack(this.app, 'ml-infra');
  readonly cloud: AwsCloud;

  constructor(props: Partial<AwsCloudProps> = {}) {
    new LocalBackend(this.stack, { path: 'terraform.tfstate' });
    this.cloud = new AwsCloud({ region: REGION, ...props });
    this.cloud.bind(this.stack, { 'lnmt:platform': 'ml' });
  }

  network(options: NetworkOptions = {}): IVpcNetwork {
    const network = this.cloud.compute.network(this.stack, 'network', { naming: ['ml'], ...options });
    return VpcNetwork.expect(this.stack, network);
  }

  adoptedNetwork(): IVpcNetwork {
    return VpcNetwork.fromVpc(this.stack, 'network', {
      vpcId: 'vpc-1',
      cidr: '10.0.0.0/16',
      privateSubnetIds: ['subnet-1', 'subnet-2', 'subnet-3'],
      region: this.cloud.region,
    });
  }

  cluster(props: Partial<ClusterProps> = {}): IEksCluster {
    const cluster = this.cloud.compute.cluster(this.stack, 'cluster', {
      naming: ['ml'],
      network: props.network ?? this.adoptedNetwork(),
      version: '1.36',
      access: ClusterAccess.publicFrom('203.0.113.0/24'),
      ...props,
    });
    return EksCluster.expect(this.stack, cluster);
  }

  /** A cluster whose parts are literals, so that manifests can be judged by their schemas. */
  adoptedCluster(): IEksCluster {
    return EksCluster.fromCluster(this.stack, 'cluster', {
      clusterName: 'ml',
      region: REGION,
      version: '1.36',
      subnetIds: ['subnet-1', 'subnet-2'],
      karpenterRoleName: 'ml-node',
      managedRoleArn: 'arn:aws:iam::111122223333:role/ml-system',
    });
  }

  /** Everything that the stack declares; refused when it does not fit the provider's bindings. */
  document(): TerraformDocument {
    const document = JSON.parse(Testing.synth(this.stack)) as TerraformDocument;
    const { faults } = checkTerraform(document);
    if (faults.length > 0) throw new Error(faults.join('\n'));
    return document;
  }

  /** A value with its tokens as Terraform expressions. */
  resolve(value: unknown): unknown {
    const resolver = new DefaultTokenResolver(new StringConcat());
    return Tokenization.resolve(value, { scope: this.stack, preparing: false, resolver }) as unknown;
  }

  /** Resources of one type, in the order of their logical ids. */
  all(type: string, section: 'resource' | 'data' = 'resource'): JsonObject[] {
    const byName = this.document()[section]?.[type] ?? {};
    return Object.keys(byName)
      .sort()
      .map((name) => byName[name] as JsonObject);
  }

  /** The only resource of a type. */
  only(type: string, section: 'resource' | 'data' = 'resource'): JsonObject {
    const [first, ...rest] = this.all(type, section);
    if (first === undefined || rest.length > 0) throw new Error(`${rest.length} others of type ${type}, or none`);
    return first;
  }

  /** The only resource of a type whose argument has a value. */
  where(type: string, argument: string, value: unknown): JsonObject {
    const found = this.all(type).filter((each) => JSON.stringify(each[argument]) === JSON.stringify(value));
    if (found.length !== 1 || found[0] === undefined) throw new Error(`${found.length} ${type} with that ${argument}`);
    return found[0];
  }
}

/** Kubernetes objects that blocks bring into the cluster. */
export function objectsOf(...blocks: readonly IBuildingBlock[]): TestObject[] {
  const app = Cdk8sTesting.app();
  return blocks.flatMap((block) =>
    block.kubernetes.objects.flatMap((objects) => {
      const chart = new Chart(app, objects.id);
      objects.define(chart);
      return Cdk8sTesting.synth(chart) as TestObject[];
    }),
  );
}

/** Objects as they are after delivery, with an id of AWS in the place of each value that is bound late. */
export function bound(objects: readonly TestObject[], id = 'sg-0a1b'): TestObject[] {
  return JSON.parse(JSON.stringify(objects).replace(/\$\{TfToken\[TOKEN\.\d+\]\}/g, id)) as TestObject[];
}

/** A value that has to be a string. */
export function text(value: Json | undefined): string {
  if (typeof value !== 'string') throw new Error(`${JSON.stringify(value)} is not a string`);
  return value;
}

/** Statements of a policy by their names; those without one by their position. */
export function statements(policy: unknown): Readonly<Record<string, JsonObject>> {
  const { Statement } = JSON.parse(String(policy)) as { readonly Statement: readonly JsonObject[] };
  return Object.fromEntries(
    Statement.map((each, index) => [typeof each['Sid'] === 'string' ? each['Sid'] : String(index), each]),
  );
}

/** The code of the error that a call throws. */
export function codeOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    return String((error as { readonly code?: unknown }).code ?? error);
  }
  return 'accepted';
}
