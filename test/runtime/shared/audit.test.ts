import fs from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AuditLog, verifyAudit } from '../../../runtime/shared/audit';
import type { AuditEvent, AuditHead } from '../../../runtime/shared/audit';
import { temporaryFolder } from '../support/temporary';

const event = (index: number): AuditEvent => ({
  caller: `api-key team-${index % 3}`,
  operation: index % 2 ? 'ModelInfer' : 'ModelMetadata',
  transport: 'http',
  model: 'digits',
  version: undefined,
  outcome: '200',
  request: `r-${index}`,
});

describe('the audit log', () => {
  let dir: string;
  let file: string;
  let heads: AuditHead[];

  beforeEach(() => {
    dir = temporaryFolder();
    file = path.join(dir, 'audit.jsonl');
    heads = [];
  });

  afterEach(() => fs.rmSync(dir, { recursive: true, force: true }));

  const open = (): AuditLog =>
    new AuditLog({
      file,
      now: () => 0,
      anchor: (head) => heads.push(head),
      failed: (error) => expect(error).toBeUndefined(),
    });

  const write = async (count: number, from = 0): Promise<string> => {
    const log = open();
    for (let index = from; index < from + count; index++) log.record(event(index));
    await log.close();
    return fs.readFileSync(file, 'utf8');
  };

  it.runIf(fs.existsSync('/dev/full'))('gathers nothing once the disk is full, and says so once', async () => {
    const failures: unknown[] = [];
    const log = new AuditLog({
      file: '/dev/full',
      now: () => 0,
      anchor: () => undefined,
      failed: (error) => failures.push(error),
    });
    expect(log.failed).toBe(false);
    for (let index = 0; index < 20; index++) {
      log.record(event(index));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(log.failed).toBe(true);
    expect(failures).toHaveLength(1);
    expect(Reflect.get(log, 'waiting')).toEqual([]);
    await log.close();
  });

  it('holds every entry in order, readable by its owner only', async () => {
    const text = await write(50);
    const entries = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { seq: number; request: string });
    expect(entries.map(({ seq }) => seq)).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
    expect(entries[7]).toMatchObject({
      ...{ caller: 'api-key team-1', operation: 'ModelInfer', transport: 'http', model: 'digits' },
      ...{ outcome: '200', request: 'r-7', time: '1970-01-01T00:00:00.000Z' },
    });
    expect(fs.statSync(file).mode & 0o777).toBe(0o600);
    expect(verifyAudit(text)).toMatchObject({ ok: true, head: { seq: 50 } });
  });

  it('goes on with the chain after a restart', async () => {
    await write(3);
    const text = await write(2, 3);
    expect(verifyAudit(text)).toMatchObject({ ok: true, head: { seq: 5 } });
    expect(heads.map(({ seq }) => seq)).toEqual([3, 5]);
  });

  it('shows any edit, drop, insertion and change of order', async () => {
    const text = await write(20);
    const lines = text.trimEnd().split('\n');
    const head = heads[0];
    const joined = (changed: readonly string[]): string => changed.map((line) => `${line}\n`).join('');
    fc.assert(
      fc.property(
        fc.nat(19),
        fc.nat(19),
        fc.nat(400),
        fc.constantFrom('edit', 'drop', 'swap', 'repeat', 'cut'),
        (one, other, at, kind) => {
          const changed = [...lines];
          const line = changed[one] ?? '';
          if (kind === 'edit') {
            const place = at % line.length;
            const letter = line[place] === '7' ? '8' : '7';
            changed[one] = line.slice(0, place) + letter + line.slice(place + 1);
          } else if (kind === 'drop') changed.splice(one, 1);
          else if (kind === 'repeat') changed.splice(other, 0, line);
          else if (kind === 'cut') changed.length = one;
          else if (one !== other) [changed[one], changed[other]] = [changed[other] ?? '', line];
          else changed.reverse();
          expect(verifyAudit(joined(changed), head).ok).toBe(false);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('shows a chain that was made anew from its beginning, by the head that was reported', async () => {
    await write(5);
    const [reported] = heads;
    fs.rmSync(file);
    const forged = await write(6, 100);
    expect(verifyAudit(forged)).toMatchObject({ ok: true });
    expect(verifyAudit(forged, reported)).toMatchObject({
      ok: false,
      fault: 'does not lead to entry 5 as it was reported',
    });
  });

  it('refuses to go on with a file that is no whole chain', async () => {
    const text = await write(4);
    fs.writeFileSync(file, text.replace('"outcome":"200"', '"outcome":"403"'));
    expect(open).toThrow('LNMT8105: the audit log cannot be used: line 1 was changed');
    expect(() => new AuditLog({ file: dir, now: () => 0, anchor: () => undefined, failed: () => undefined })).toThrow(
      'LNMT8105',
    );
  });

  it('drops a last line that was cut while it was written, and goes on', async () => {
    const text = await write(4);
    fs.writeFileSync(file, text.slice(0, -5));
    expect(verifyAudit(text.slice(0, -5))).toEqual({ ok: false, line: 4, fault: 'has no end' });
    expect(verifyAudit(await write(1, 4))).toMatchObject({ ok: true, head: { seq: 4 } });
  });

  it('reports the end of the chain every thousand entries', async () => {
    await write(2_001);
    expect(heads.map(({ seq }) => seq)).toEqual([1000, 2000, 2001]);
  });
});
