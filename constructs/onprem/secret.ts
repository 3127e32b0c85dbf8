import { Construct } from 'constructs';
import { NO_PARTS } from '../cloud/kubernetes-parts';
import type { ISecret, SecretProps } from '../cloud/secret';
import { expectHere, ONPREM } from './context';
import type { OnPremContext } from './context';

/** A secret in the site's backend. Nothing is created: a person writes it under its key. */
export class OnPremSecret extends Construct implements ISecret {
  readonly cloud = ONPREM;
  readonly kubernetes = NO_PARTS;
  readonly externalKey: string;

  constructor(scope: Construct, id: string, props: SecretProps & OnPremContext) {
    super(scope, id);
    expectHere(this, { encryptionKey: props.encryptionKey });
    this.externalKey = props.site.secrets.key(props.naming);
  }
}

/** A secret that is written under a known key. */
export class ImportedSecret extends Construct implements ISecret {
  readonly cloud = ONPREM;
  readonly kubernetes = NO_PARTS;

  constructor(
    scope: Construct,
    id: string,
    readonly externalKey: string,
  ) {
    super(scope, id);
  }
}
