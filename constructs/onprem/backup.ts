import { Construct } from 'constructs';
import { VELERO, velero } from '../addons/velero';
import { wholeNumber } from '../checks';
import type { BackupProps, IBackup } from '../cloud/backup';
import type { KubernetesParts } from '../cloud/kubernetes-parts';
import { INFERENCE_ENV } from '../../runtime/contract';
import { expectHere, ONPREM } from './context';
import type { OnPremContext } from './context';
import { backupNeedsStore } from './errors';
import { OnPremObjectStore } from './object-store';
import type { IOnPremObjectStore } from './object-store';
import { syncSecret } from './synced-secret';

const CREDENTIALS = 'velero-store';
const PROFILE = [
  '[default]',
  `aws_access_key_id={{ .${INFERENCE_ENV.s3AccessKeyId.name} }}`,
  `aws_secret_access_key={{ .${INFERENCE_ENV.s3SecretAccessKey.name} }}`,
  '',
].join('\n');

/** Velero: objects and volumes of the whole cluster, daily, into an object store of this target. */
export class OnPremBackup extends Construct implements IBackup {
  readonly cloud = ONPREM;
  readonly kubernetes: KubernetesParts;
  readonly retentionDays: number;

  /** @throws LNMT1002 for a retention or hour out of range, LNMT2306 without a store */
  constructor(scope: Construct, id: string, props: BackupProps & OnPremContext) {
    super(scope, id);
    expectHere(this, { cluster: props.cluster, encryptionKey: props.encryptionKey });
    for (const target of props.targets) expectHere(this, { targets: target });
    if (props.store === undefined) throw backupNeedsStore(this);
    const store = OnPremObjectStore.expect(this, props.store, 'store');
    const range = { min: 7, max: 365, unit: 'days' };
    this.retentionDays = wholeNumber(this, 'retentionDays', props.retentionDays ?? 35, range);
    const hour = wholeNumber(this, 'hour', props.hour ?? 3, { min: 0, max: 23 });
    this.kubernetes = {
      addons: [
        velero({
          bucket: store.bucketName,
          prefix: store.prefix === '' ? 'velero' : `${store.prefix}/velero`,
          region: store.region,
          s3Url: store.endpoint,
          credentialsSecret: CREDENTIALS,
          retentionDays: this.retentionDays,
          hour,
        }),
      ],
      objects: [credentials(store)],
    };
  }
}

function credentials(store: IOnPremObjectStore): KubernetesParts['objects'][number] {
  const { s3AccessKeyId, s3SecretAccessKey } = INFERENCE_ENV;
  return {
    id: 'credentials',
    layer: '20-platform',
    define: (chart) =>
      void syncSecret(chart, 'Credentials', VELERO.namespace, {
        name: CREDENTIALS,
        key: store.credentialsKey,
        fields: { [s3AccessKeyId.name]: s3AccessKeyId.name, [s3SecretAccessKey.name]: s3SecretAccessKey.name },
        template: { cloud: PROFILE },
      }),
  };
}
