import type { SqsQueue } from '@cdktf/provider-aws/lib/sqs-queue';
import type { Chart } from 'cdk8s';
import { ConfigMap, Namespace } from 'cdk8s-plus-27';
import { S3Backend, TerraformStack } from 'cdktf';
import type { Construct } from 'constructs';
import type { LnmtPlatform } from 'lnmt';
import { Auth, Images, InferenceEndpoint, Model, PodResources, Scaling, SecretReference } from 'lnmt';
import digests from './images.json';

/** Props of {@link ShopStack}. */
export interface ShopStackProps {
  readonly platform: LnmtPlatform;
  /** Queue of the shop, in the platform's stack. */
  readonly orders: SqsQueue;
}

/** What runs in the cluster: the platform's own half, an endpoint, and objects of the shop beside them. */
export class ShopStack extends TerraformStack {
  constructor(scope: Construct, id: string, props: ShopStackProps) {
    super(scope, id);
    new S3Backend(this, {
      bucket: 'example-terraform-state',
      key: `${id}.tfstate`,
      region: 'eu-west-1',
      encrypt: true,
    });
    const { platform, orders } = props;
    const workloads = platform.workloads(this);

    const ranking = new InferenceEndpoint(this, 'ranking', {
      platform,
      model: Model.fromStore('ranking', 12),
      auth: Auth.apiKeys(SecretReference.fromStore('ranking-api-keys')),
      images: Images.fromPlatform(digests),
      scaling: Scaling.between(2, 8).cpu(70),
      resources: PodResources.of({ cpu: '2', memory: '4Gi' }),
      ingressFrom: [{ description: 'the shop', namespace: { name: 'shop' } }],
    });

    workloads.add(this, {
      addons: [],
      objects: [{ id: 'shop', layer: '30-apps', namespace: 'shop', define: (chart) => shop(chart, ranking, orders) }],
    });
  }
}

// Ordinary cdk8s. The queue's URL is known only after `shop-platform` was applied: it becomes a chart value by itself.
function shop(chart: Chart, ranking: InferenceEndpoint, orders: SqsQueue): void {
  new Namespace(chart, 'namespace', {
    metadata: { name: 'shop', labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
  });
  new ConfigMap(chart, 'services', {
    metadata: { name: 'services' },
    data: { RANKING_URL: ranking.url, ORDERS_QUEUE: orders.url },
  });
}
