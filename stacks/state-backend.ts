import type { TerraformStack } from 'cdktf';
import { AzurermBackend, GcsBackend, LocalBackend, S3Backend } from 'cdktf';

/** Props of {@link StateBackend.s3}. */
export interface S3StateProps {
  /** Bucket, as `lnmt state bootstrap` makes it: versioned, encrypted, private. */
  readonly bucket: string;
  readonly region: string;
  /** Folder of the states in the bucket. @default 'lnmt' */
  readonly prefix?: string;
  /** KMS key that encrypts the states. @default - the bucket's own key */
  readonly kmsKeyId?: string;
}

/** Props of {@link StateBackend.gcs}. */
export interface GcsStateProps {
  readonly bucket: string;
  /** Folder of the states in the bucket. @default 'lnmt' */
  readonly prefix?: string;
}

/** Props of {@link StateBackend.azurerm}. */
export interface AzurermStateProps {
  readonly resourceGroupName: string;
  readonly storageAccountName: string;
  readonly containerName: string;
  /** Folder of the states in the container. @default 'lnmt' */
  readonly prefix?: string;
}

/** Props of {@link StateBackend.local}. */
export interface LocalStateProps {
  /** Folder of the states, relative to the folder that holds `cdktf.out`. @default '.' */
  readonly folder?: string;
}

/**
 * Where Terraform keeps the state of a stack. Every state gets a key of its own.
 *
 * @see https://developer.hashicorp.com/terraform/language/backend
 */
export class StateBackend {
  /** Amazon S3 with a lock file beside the state. */
  static s3(props: S3StateProps): StateBackend {
    return new StateBackend((stack) => {
      new S3Backend(stack, {
        bucket: props.bucket,
        region: props.region,
        key: `${props.prefix ?? 'lnmt'}/${stack.node.id}.tfstate`,
        encrypt: true,
        ...(props.kmsKeyId === undefined ? {} : { kmsKeyId: props.kmsKeyId }),
      });
      // The frozen binding knows only the DynamoDB lock.
      stack.addOverride('terraform.backend.s3.use_lockfile', true);
    });
  }

  /** Google Cloud Storage, which locks by itself. */
  static gcs(props: GcsStateProps): StateBackend {
    return new StateBackend((stack) => {
      new GcsBackend(stack, { bucket: props.bucket, prefix: `${props.prefix ?? 'lnmt'}/${stack.node.id}` });
    });
  }

  /** Azure Blob Storage, which locks by itself; authenticates with Entra ID, not with account keys. */
  static azurerm(props: AzurermStateProps): StateBackend {
    return new StateBackend((stack) => {
      new AzurermBackend(stack, {
        resourceGroupName: props.resourceGroupName,
        storageAccountName: props.storageAccountName,
        containerName: props.containerName,
        key: `${props.prefix ?? 'lnmt'}/${stack.node.id}.tfstate`,
      });
      stack.addOverride('terraform.backend.azurerm.use_azuread_auth', true);
    });
  }

  /** A file. For trying things out: nobody else can see it, and nothing locks it across machines. */
  static local(props: LocalStateProps = {}): StateBackend {
    const folder = props.folder ?? '.';
    return new StateBackend((stack) => {
      // Relative to the stack's folder, cdktf.out/stacks/<stack>: an absolute path would differ on every machine.
      new LocalBackend(stack, { path: `../../../${folder}/terraform.${stack.node.id}.tfstate`.replaceAll('/./', '/') });
    });
  }

  private constructor(private readonly define: (stack: TerraformStack) => void) {}

  /** Sets the backend of a stack. Once a stack, before anything refers to it from another one. */
  apply(stack: TerraformStack): void {
    this.define(stack);
  }
}
