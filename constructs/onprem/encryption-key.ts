import type { Construct } from 'constructs';
import { refuseGap } from '../cloud/cloud';
import type { EncryptionKeyProps, IEncryptionKey } from '../cloud/encryption-key';
import { ONPREM } from './context';
import type { OnPremContext } from './context';

/** A gap: there is no key service. @throws LNMT1007 always */
export function onPremEncryptionKey(
  scope: Construct,
  _id: string,
  props: EncryptionKeyProps & OnPremContext,
): IEncryptionKey {
  return refuseGap({ name: ONPREM, gaps: props.site.gaps }, scope, 'encryption-key');
}
