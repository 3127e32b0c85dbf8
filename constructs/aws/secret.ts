import { SecretsmanagerSecret } from '@cdktf/provider-aws/lib/secretsmanager-secret';
import type { IConstruct } from 'constructs';
import { Construct } from 'constructs';
import { NO_PARTS } from '../cloud/kubernetes-parts';
import type { ISecret, SecretProps } from '../cloud/secret';
import { legalName } from '../names';
import { stateful } from '../stateful';
import { AWS, brand, expectBrand } from './context';
import type { AwsContext } from './context';
import { keyArnOf } from './encryption-key';
import { AWS_DATA_NAMES } from './names-data';

const BRAND = Symbol.for('lnmt/aws/secret');
const RECOVERY_WINDOW_DAYS = 30;

/** What `SecretsManagerSecret.fromSecret` needs to know. */
export interface ExistingSecret {
  /** Name or ARN of the secret; may be a token. */
  readonly externalKey: string;
}

/**
 * A secret in AWS Secrets Manager, without a value: people or rotation write it, so that it is in no program and no
 * state. Deleted secrets can be recovered for 30 days.
 *
 * @see https://docs.aws.amazon.com/secretsmanager/latest/userguide/best-practices.html
 */
export class SecretsManagerSecret extends Construct implements ISecret {
  /** Adopts a secret. The secret store of a platform reads it only when its name begins with the platform's prefix. */
  static fromSecret(scope: Construct, id: string, existing: ExistingSecret): ISecret {
    return new ImportedSecret(scope, id, existing);
  }

  /** Narrows a neutral secret. @throws LNMT1008 for another cloud's, LNMT2003 for one that is not of this folder */
  static expect(scope: IConstruct, secret: ISecret, property = 'secret'): ISecret {
    return expectBrand<ISecret & Construct>(scope, property, secret, BRAND, 'SecretsManagerSecret');
  }

  readonly cloud = AWS;
  readonly kubernetes = NO_PARTS;
  /** Name of the secret, e.g. `ml/api-keys`. */
  readonly externalKey: string;
  /** ARN of the secret, as a token. */
  readonly secretArn: string;

  constructor(scope: Construct, id: string, props: SecretProps & AwsContext) {
    super(scope, id);
    brand(this, BRAND);
    const onRemoval = props.onRemoval ?? 'retain';
    this.externalKey = secretName(props.naming, this);
    const resource = new SecretsmanagerSecret(this, 'Resource', {
      name: this.externalKey,
      description: props.description,
      kmsKeyId: keyArnOf(this, props.encryptionKey),
      recoveryWindowInDays: onRemoval === 'destroy' ? 0 : RECOVERY_WINDOW_DAYS,
    });
    stateful(resource, props.naming, onRemoval);
    this.secretArn = resource.arn;
  }
}

class ImportedSecret extends Construct implements ISecret {
  readonly cloud = AWS;
  readonly kubernetes = NO_PARTS;
  readonly externalKey: string;

  constructor(scope: Construct, id: string, existing: ExistingSecret) {
    super(scope, id);
    brand(this, BRAND);
    this.externalKey = existing.externalKey;
  }
}

/** Name of a secret: its naming as a path, e.g. `ml/api-keys`. @throws LNMT1001 for a part without letter or digit */
export function secretName(naming: readonly string[], scope?: IConstruct): string {
  return naming.map((part) => legalName(AWS_DATA_NAMES.secretPart, [part], scope)).join('/');
}
