import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { CALL_BYTES, FileBytes, readFully, writeFully } from '../../../../runtime/inference/rewriter/bytes';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'lnmt-bytes-'));
const file = path.join(folder, 'weights');
const handles: number[] = [];

afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));
afterEach(() => {
  vi.restoreAllMocks();
  for (const handle of handles.splice(0)) fs.closeSync(handle);
  fs.rmSync(file, { force: true });
});

function open(flags: string): number {
  const handle = fs.openSync(file, flags);
  handles.push(handle);
  return handle;
}

describe('the bytes of a large constant', () => {
  const content = Uint8Array.from({ length: 1_000 }, (_, at) => at % 251);

  it('are read and written in calls that Node.js takes', () => {
    const [reads, writes] = [vi.spyOn(fs, 'readSync'), vi.spyOn(fs, 'writeSync')];
    writeFully(open('w'), content, 64);
    const bytes = new Uint8Array(900);
    readFully(open('r'), bytes, 100, 64);
    expect(Buffer.from(bytes)).toEqual(Buffer.from(content.subarray(100)));
    const lengths = (calls: readonly (readonly unknown[])[]): number[] => calls.map((call) => Number(call[3]));
    expect(lengths(writes.mock.calls)).toEqual([...Array.from({ length: 15 }, () => 64), 40]);
    expect(lengths(reads.mock.calls)).toEqual([...Array.from({ length: 14 }, () => 64), 4]);
    expect(CALL_BYTES).toBeLessThan(2 ** 31);
  });

  it('are asked for in such calls', () => {
    open('w');
    const size = 2 ** 31 + 5;
    const asked: number[] = [];
    // Nothing is read, so that the memory of the constant is never touched.
    vi.spyOn(fs, 'readSync').mockImplementation((...call: readonly unknown[]) => {
      asked.push(Number(call[3]));
      return Number(call[3]);
    });
    expect(new FileBytes(file, 0, size).read().byteLength).toBe(size);
    expect(asked).toEqual([CALL_BYTES, CALL_BYTES, 5]);
  });

  it('end with an error where a file became shorter', () => {
    writeFully(open('w'), content);
    expect(() => new FileBytes(file, 0, 1_001).read()).toThrow('became shorter');
  });
});
