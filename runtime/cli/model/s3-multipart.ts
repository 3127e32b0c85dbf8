import fs from 'node:fs/promises';
import type * as Sdk from '@aws-sdk/client-s3';
import type { LocalModelFile } from './files';
import type { Connection, Place } from './s3-target';

/** Parts of 64 MiB: S3 allows 10,000, which is 640 GB. */
const PART_BYTES = 64 * 1024 * 1024;

/** Uploads a large file in parts. What was uploaded of it is dropped when a part fails. */
export async function multipartUpload(
  { sdk, client }: Connection,
  { Metadata, IfMatch, IfNoneMatch, ...address }: Place & Pick<Sdk.PutObjectCommandInput, 'Metadata'>,
  file: LocalModelFile,
): Promise<void> {
  const { UploadId } = await client.send(new sdk.CreateMultipartUploadCommand({ ...address, Metadata }));
  const upload = { ...address, UploadId };
  const handle = await fs.open(file.source, 'r');
  try {
    const parts: Sdk.CompletedPart[] = [];
    for (let start = 0; start < file.bytes; start += PART_BYTES) {
      const body = Buffer.alloc(Math.min(PART_BYTES, file.bytes - start));
      await handle.read(body, 0, body.length, start);
      const PartNumber = parts.length + 1;
      const { ETag } = await client.send(new sdk.UploadPartCommand({ ...upload, PartNumber, Body: body }));
      parts.push({ PartNumber, ...(ETag === undefined ? {} : { ETag }) });
    }
    const whole = { ...upload, IfMatch, IfNoneMatch, MultipartUpload: { Parts: parts } };
    await client.send(new sdk.CompleteMultipartUploadCommand(whole));
  } catch (error) {
    await client.send(new sdk.AbortMultipartUploadCommand(upload)).catch(() => undefined);
    throw error;
  } finally {
    await handle.close();
  }
}
