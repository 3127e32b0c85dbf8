import fc from 'fast-check';
import { renderObjects } from 'lnmt/testing';
import { describe, expect, it } from 'vitest';
import { S3ObjectStore } from '../../../constructs/aws/object-store';
import { LustreFileStore, soldSize } from '../../../constructs/aws/parallel-file-store';
import type { LustreFileStoreProps } from '../../../constructs/aws/parallel-file-store';
import { DataStack, ForeignBlock, REGION, codeOf, manifestsOf } from './data-stack';
import type { IObjectStore } from '../../../constructs/cloud/object-store';

function storeIn(data: DataStack, props: Partial<LustreFileStoreProps> = {}): LustreFileStore {
  return new LustreFileStore(data.stack, 'scratch', { ...data.common, naming: ['ml', 'scratch'], ...props });
}

describe('LustreFileStore', () => {
  it('is a persistent file system in one zone, compressed and encrypted with the key', () => {
    const data = new DataStack();
    storeIn(data, { encryptionKey: data.key(), throughputPerTiB: 500 });
    expect(data.resources('aws_fsx_lustre_file_system')['ml_scratch']).toMatchObject({
      deployment_type: 'PERSISTENT_2',
      storage_capacity: 1200,
      per_unit_storage_throughput: 500,
      subnet_ids: ['subnet-a'],
      data_compression_type: 'LZ4',
      kms_key_id: 'arn:aws:kms:eu-west-1:111122223333:key/k',
      lifecycle: { prevent_destroy: true },
    });
  });

  it('opens the Lustre ports to the nodes and among its servers, and nothing else', () => {
    const data = new DataStack();
    storeIn(data);
    const ports = (type: string) =>
      Object.values(data.resources(type)).map((one) => JSON.stringify([one['from_port'], one['to_port']]));
    expect(ports('aws_vpc_security_group_ingress_rule').sort()).toEqual([
      '[1018,1023]',
      '[1018,1023]',
      '[988,988]',
      '[988,988]',
    ]);
    expect(ports('aws_vpc_security_group_egress_rule').sort()).toEqual(['[1018,1023]', '[988,988]']);
  });

  it('never sells less than asked, never a step too much, and only sizes that exist', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000_800 }), (wanted) => {
        const sold = soldSize(wanted);
        expect(sold).toBeGreaterThanOrEqual(wanted);
        expect(sold === 1200 || sold % 2400 === 0).toBe(true);
        expect(sold - wanted).toBeLessThan(2400);
      }),
    );
  });

  it('links a bucket both ways, and lets the role of FSx use its key by a grant', () => {
    const data = new DataStack();
    const linkedStore = new S3ObjectStore(data.stack, 'models', {
      naming: ['ml', 'models'],
      region: REGION,
      encryptionKey: data.key(),
    });
    storeIn(data, { linkedStore });
    const events = ['NEW', 'CHANGED', 'DELETED'];
    expect(data.only('aws_fsx_data_repository_association')).toMatchObject({
      data_repository_path: 's3://${aws_s3_bucket.ml_models.bucket}',
      file_system_path: '/',
      s3: { auto_import_policy: { events }, auto_export_policy: { events } },
    });
    expect(data.only('aws_kms_grant')['grantee_principal']).toContain(
      'AWSServiceRoleForFSxS3Access_${aws_fsx_lustre_file_system.ml_scratch.id}',
    );
  });

  it('needs no grant for a bucket with the key of the service', () => {
    const data = new DataStack();
    storeIn(data, { linkedStore: S3ObjectStore.fromBucket(data.stack, 'b', { bucketName: 'old', region: REGION }) });
    expect(data.types()).toContain('aws_fsx_data_repository_association');
    expect(data.types()).not.toContain('aws_kms_grant');
  });

  it('claims a volume of its own in each namespace, once', () => {
    const data = new DataStack();
    const store = storeIn(data, { sizeGiB: 1300 });
    expect(store.claim('training')).toEqual({ claimName: 'ml-scratch-scratch' });
    store.claim('training');
    store.claim('research');
    const manifests = manifestsOf(store.kubernetes) as { kind: string; metadata: { name: string }; spec: object }[];
    expect(manifests.map((one) => one.kind)).toEqual(
      Array(2).fill(['PersistentVolume', 'PersistentVolumeClaim']).flat(),
    );
    const [volume, claim] = manifests;
    expect(volume?.spec).toMatchObject({
      capacity: { storage: '2400Gi' },
      storageClassName: '',
      claimRef: { namespace: 'training', name: claim?.metadata.name },
      csi: { driver: 'fsx.csi.aws.com' },
    });
    expect(claim?.spec).toMatchObject({ volumeName: volume?.metadata.name, storageClassName: '' });
    expect(new Set(manifests.map((one) => one.metadata.name)).size).toBe(3);
    const namespaces = renderObjects(store.kubernetes).map(({ namespace }) => namespace);
    expect(namespaces).toEqual([undefined, 'training', undefined, 'research']);
  });

  it('brings the driver as an add-on, which gives its root to the group of the pods: they are not root', () => {
    expect(storeIn(new DataStack()).kubernetes.addons).toMatchObject([
      { name: 'aws-fsx-csi-driver', values: { csidriver: { fsGroupPolicy: 'File' } } },
    ]);
  });

  it.each([0, 1.5, 1_000_801])('refuses a size of %s GiB', (sizeGiB) => {
    expect(codeOf(() => storeIn(new DataStack(), { sizeGiB }))).toBe('LNMT1002');
  });

  it('refuses to link a store of another cloud', () => {
    const data = new DataStack();
    const linkedStore = new ForeignBlock(data.stack, 'b') as unknown as IObjectStore;
    expect(() => storeIn(data, { linkedStore })).toThrow(/LNMT1008 .*linkedStore/);
  });
});
