import type { Command } from 'commander';
import { INFERENCE_ENV } from '../../contract';
import { badInvocation, unusableIdentifier } from '../errors';
import type { Io } from '../io';
import { progress, say, sayJson } from '../io';

interface BootstrapOptions {
  readonly bucket: string;
  readonly region?: string;
  readonly kmsKey?: string;
  readonly endpoint?: string;
  readonly json?: boolean;
}

/** @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html */
const BUCKET_PATTERN = /^(?!xn--|sthree-)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/;

const EXAMPLES = `
The bucket is private, versioned, encrypted and takes TLS only. An existing bucket of the account gets the same settings; what
is in it stays. States are locked by a file beside them.

Examples:
  lnmt state bootstrap --bucket example-terraform-states --region eu-west-1
  lnmt state bootstrap --bucket example-terraform-states --region eu-west-1 --kms-key alias/states`;

/** Adds `lnmt state bootstrap`. */
export function registerState(program: Command, io: Io): void {
  program
    .command('state')
    .description('Terraform states of platforms.')
    .command('bootstrap')
    .description('Make the S3 bucket that keeps the states, or bring one to the same settings.')
    .requiredOption('--bucket <name>', 'name of the bucket, unique in the world')
    .option('--region <name>', `region of the bucket (default: $${INFERENCE_ENV.s3Region.name})`)
    .option('--kms-key <id>', "KMS key that encrypts the states (default: the account's own one for S3)")
    .option('--endpoint <url>', 'S3-compatible store other than AWS')
    .option('--json', 'print JSON')
    .addHelpText('after', EXAMPLES)
    .action((options: BootstrapOptions) => bootstrap(io, options));
}

async function bootstrap(io: Io, options: BootstrapOptions): Promise<void> {
  const { bucket, kmsKey } = options;
  if (!BUCKET_PATTERN.test(bucket)) throw unusableIdentifier('the name of the bucket', bucket, BUCKET_PATTERN);
  const region = options.region ?? io.env[INFERENCE_ENV.s3Region.name];
  if (!region) throw badInvocation('no region is given', undefined, 'pass --region, e.g. --region eu-west-1');
  const { endpointOption } = await import('../model/numbers.js');
  const endpoint = endpointOption(options.endpoint);
  const { bootstrapStateBucket } = await import('../state/state-bucket.js');
  progress(io, `bucket ${bucket} in ${region}`);
  const outcome = await bootstrapStateBucket({
    bucket,
    region,
    ...(kmsKey === undefined ? {} : { kmsKeyId: kmsKey }),
    ...(endpoint === undefined ? {} : { endpoint }),
  });
  if (options.json) {
    sayJson(io, { bucket, region, outcome });
    return;
  }
  say(io, `${outcome} ${bucket}; pass it to the stacks:`);
  say(io, `  state: StateBackend.s3({ bucket: '${bucket}', region: '${region}' })`);
}
