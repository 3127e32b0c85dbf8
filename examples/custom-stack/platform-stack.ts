import { SqsQueue } from '@cdktf/provider-aws/lib/sqs-queue';
import { S3Backend, TerraformStack } from 'cdktf';
import type { Construct } from 'constructs';
import { Block, ClusterAccess, LnmtPlatform } from 'lnmt';
import { AwsCloud, S3ObjectStore, VpcNetwork } from 'lnmt/aws';

const REGION = 'eu-west-1';

/** The infrastructure: a platform in a VPC that another team owns, and a queue of the shop's own. */
export class PlatformStack extends TerraformStack {
  readonly platform: LnmtPlatform;
  readonly orders: SqsQueue;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    new S3Backend(this, { bucket: 'example-terraform-state', key: `${id}.tfstate`, region: REGION, encrypt: true });

    const network = VpcNetwork.fromVpc(this, 'network', {
      vpcId: 'vpc-0123456789abcdef0',
      cidr: '10.20.0.0/16',
      privateSubnetIds: ['subnet-0aaaaaaaaaaaaaaaa', 'subnet-0bbbbbbbbbbbbbbbb', 'subnet-0cccccccccccccccc'],
      region: REGION,
    });
    const models = S3ObjectStore.fromBucket(this, 'models', { bucketName: 'example-models', region: REGION });

    this.platform = new LnmtPlatform(this, 'platform', {
      name: 'shop',
      cloud: new AwsCloud({ region: REGION }),
      environment: 'staging',
      access: ClusterAccess.insideNetwork(),
      network: Block.existing(network),
      modelStore: Block.existing(models),
      database: Block.create({ version: '16', storageGiB: 200 }),
      documentStore: Block.off(),
      fileStore: Block.off(),
    });

    // Any resource of the provider works beside ours: the platform has bound the provider, with its default tags.
    this.orders = new SqsQueue(this, 'orders', { namePrefix: 'shop-orders-', sqsManagedSseEnabled: true });
  }
}
