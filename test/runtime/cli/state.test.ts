import * as realSdk from '@aws-sdk/client-s3';
import { describe, expect, test } from 'vitest';
import { bootstrapStateBucket } from '../../../runtime/cli/state/state-bucket';
import type { StateSdk } from '../../../runtime/cli/state/state-bucket';
import { run } from '../../../runtime/cli/program';

/** Runs the command in this process. */
async function runCli(argv: readonly string[]): Promise<{ code: number; err: string }> {
  let err = '';
  const code = await run(argv, {
    cwd: process.cwd(),
    env: {},
    out: () => undefined,
    err: (text) => (err += text),
    terminal: false,
    node: process.execPath,
    onInterrupt: () => () => undefined,
  });
  return { code, err };
}

interface Sent {
  readonly name: string;
  readonly input: Record<string, unknown>;
}

/** The real commands of the SDK with a client that records them. */
function sdkWith(headStatus: number, sent: Sent[]): () => Promise<StateSdk> {
  class RecordingClient {
    async send(command: { readonly constructor: { readonly name: string }; readonly input: Record<string, unknown> }) {
      sent.push({ name: command.constructor.name, input: command.input });
      if (command.constructor.name === 'HeadBucketCommand' && headStatus !== 200) {
        throw Object.assign(new Error('head'), { $metadata: { httpStatusCode: headStatus } });
      }
      return {};
    }
    destroy(): void {
      sent.push({ name: 'destroy', input: {} });
    }
  }
  return async () => ({ ...realSdk, S3Client: RecordingClient as unknown as typeof realSdk.S3Client });
}

const SETTINGS = [
  'PutPublicAccessBlockCommand',
  'PutBucketOwnershipControlsCommand',
  'PutBucketVersioningCommand',
  'PutBucketEncryptionCommand',
  'PutBucketPolicyCommand',
  'PutBucketLifecycleConfigurationCommand',
];

describe('lnmt state bootstrap', () => {
  test('creates a bucket that is private, versioned, encrypted and takes TLS only', async () => {
    const sent: Sent[] = [];
    const outcome = await bootstrapStateBucket({ bucket: 'states', region: 'eu-west-1' }, sdkWith(404, sent));
    expect(outcome).toBe('created');
    expect(sent.map((command) => command.name)).toEqual([
      'HeadBucketCommand',
      'CreateBucketCommand',
      ...SETTINGS,
      'destroy',
    ]);
    expect(sent[1]?.input).toMatchObject({ CreateBucketConfiguration: { LocationConstraint: 'eu-west-1' } });
    const policy = JSON.parse(
      String(sent.find((command) => command.name === 'PutBucketPolicyCommand')?.input['Policy']),
    ) as {
      Statement: unknown[];
    };
    expect(policy.Statement).toEqual([
      expect.objectContaining({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
    ]);
  });

  test('names no location in the region that must not be named', async () => {
    const sent: Sent[] = [];
    await bootstrapStateBucket({ bucket: 'states', region: 'us-east-1' }, sdkWith(404, sent));
    expect(sent[1]?.input).toEqual({ Bucket: 'states' });
  });

  test('brings an existing bucket to the same settings, and encrypts with the key that is given', async () => {
    const sent: Sent[] = [];
    const outcome = await bootstrapStateBucket(
      { bucket: 'states', region: 'eu-west-1', kmsKeyId: 'alias/states' },
      sdkWith(200, sent),
    );
    expect(outcome).toBe('updated');
    expect(sent.map((command) => command.name)).toEqual(['HeadBucketCommand', ...SETTINGS, 'destroy']);
    expect(JSON.stringify(sent.find((command) => command.name === 'PutBucketEncryptionCommand')?.input)).toContain(
      'alias/states',
    );
  });

  test.each([403, 301])('refuses a bucket that answers %d, and changes nothing', async (status) => {
    const sent: Sent[] = [];
    const attempt = bootstrapStateBucket({ bucket: 'states', region: 'eu-west-1' }, sdkWith(status, sent));
    await expect(attempt).rejects.toThrow(/LNMT6026.*bucket states exists and cannot be used/);
    expect(sent.map((command) => command.name)).toEqual(['HeadBucketCommand', 'destroy']);
  });

  test('refuses a name that is no bucket name', async () => {
    const { code, err } = await runCli(['state', 'bootstrap', '--bucket', 'Not A Bucket', '--region', 'eu-west-1']);
    expect(code).toBe(2);
    expect(err).toMatch(/LNMT6025.*the name of the bucket/);
  });

  test('asks for a region', async () => {
    const { code, err } = await runCli(['state', 'bootstrap', '--bucket', 'example-states']);
    expect(code).toBe(2);
    expect(err).toMatch(/LNMT6001.*no region is given/);
  });
});
