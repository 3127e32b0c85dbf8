import { ApiObject } from 'cdk8s';
import { Construct } from 'constructs';
import { LABELS, MANAGED_BY } from '../../runtime/contract';
import { objectName } from './object-names';
import { quantity } from './quantity';

/** Props of an {@link ObjectBucket}. */
export interface ObjectBucketProps {
  /** Name of the claim, of its ConfigMap and of its Secret. A DNS label. */
  readonly name: string;
  /** Namespace. It has to exist. */
  readonly namespace: string;
  /** Name of the bucket; unique in the store. */
  readonly bucketName: string;
  /** StorageClass of the bucket provisioner, e.g. `rook-ceph-bucket`. */
  readonly storageClassName: string;
  /** Largest size of all objects, e.g. `500Gi`. @default - none */
  readonly maxSize?: string;
}

/**
 * A bucket of a Ceph cluster that Rook runs. Rook writes host and port to a ConfigMap and the keys to a Secret, both of the
 * claim's name.
 *
 * @see https://rook.io/docs/rook/latest/Storage-Configuration/Object-Storage-RGW/ceph-object-bucket-claim/
 * @throws LNMT3000 for an illegal name, LNMT3003 for a malformed size
 */
export class ObjectBucket extends Construct {
  /** ConfigMap with `BUCKET_HOST`, `BUCKET_PORT` and `BUCKET_NAME`. */
  readonly configMapName: string;
  /** Secret with `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`. */
  readonly secretName: string;

  constructor(scope: Construct, id: string, props: ObjectBucketProps) {
    super(scope, id);
    const name = objectName(this, 'name', props.name, 63);
    this.configMapName = name;
    this.secretName = name;
    new ApiObject(this, 'Resource', {
      apiVersion: 'objectbucket.io/v1alpha1',
      kind: 'ObjectBucketClaim',
      metadata: { name, namespace: props.namespace, labels: { [LABELS.managedBy]: MANAGED_BY } },
      spec: {
        bucketName: props.bucketName,
        storageClassName: props.storageClassName,
        additionalConfig: props.maxSize === undefined ? undefined : { maxSize: quantity('maxSize', props.maxSize) },
      },
    });
  }
}
