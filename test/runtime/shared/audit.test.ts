import fs from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { AuditLog, verifyAudit } from '../../../runtime/shared/audit';
import type { AuditEntry, AuditEvent, AuditHead } from '../../../runtime/shared/audit';
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

  afterEach(() => {
    vi.restoreAllMocks();
    fs.rmSync(dir, { recursive: true, force: true });
  });

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

  it('cuts names that callers choose to 512 characters, with a mark', async () => {
    const log = open();
    const long = 'm'.repeat(2 ** 20);
    log.record({ ...event(0), model: long, version: long, caller: long, request: long, operation: long, trace: long });
    log.record({ ...event(1), model: 'm'.repeat(512) });
    await log.close();
    const text = fs.readFileSync(file, 'utf8');
    const [first, second] = text.split('\n', 2).map((line) => JSON.parse(line) as AuditEntry);
    const cut = `${'m'.repeat(511)}…`;
    expect(first).toMatchObject({ model: cut, version: cut, caller: cut, request: cut, operation: cut, trace: cut });
    expect(second?.model).toBe('m'.repeat(512));
    expect(verifyAudit(text)).toMatchObject({ ok: true, head: { seq: 2 } });
  });

  it('takes names of any characters, each entry a line of at most 20 KiB', async () => {
    const name = fc.string({ unit: 'binary', maxLength: 1_500 });
    await fc.assert(
      fc.asyncProperty(name, name, async (model, version) => {
        const log = open();
        log.record({ ...event(0), model, version: version + '\ud83d'.repeat(600) });
        await log.close();
        const text = fs.readFileSync(file, 'utf8');
        expect(Buffer.byteLength(text)).toBeLessThan(20_480);
        expect(verifyAudit(text)).toMatchObject({ ok: true });
        await open().close();
        fs.rmSync(file);
      }),
      { numRuns: 40 },
    );
  });

  it('is read in pieces at a start, whatever its length', async () => {
    const log = open();
    for (let index = 0; index < 8_000; index++) log.record({ ...event(index), model: `größe-${'ü'.repeat(200)}` });
    await log.close();
    const text = fs.readFileSync(file, 'utf8');
    expect(text.length).toBeGreaterThan(3 * 2 ** 20);
    fs.appendFileSync(file, '{"seq":8001,"time":"ü');
    const whole = vi.spyOn(fs, 'readFileSync');
    const pieces = vi.spyOn(fs, 'readSync');
    await open().close();
    expect(whole).not.toHaveBeenCalled();
    for (const [, buffer] of pieces.mock.calls) expect(buffer.byteLength).toBeLessThanOrEqual(2 ** 20);
    vi.restoreAllMocks();
    expect(fs.readFileSync(file, 'utf8')).toBe(text);
    fs.writeFileSync(file, text.replace('r-7998"', 'r-7997"'));
    expect(open).toThrow('line 7999 was changed');
  });
});

describe('an audit log that grew to its size', () => {
  const LIMIT = 4_000;
  let dir: string;
  let file: string;
  let lines: string[];

  beforeEach(() => {
    dir = temporaryFolder();
    file = path.join(dir, 'audit.jsonl');
    lines = [];
  });

  afterEach(() => fs.rmSync(dir, { recursive: true, force: true }));

  const note = (level: string) => (_fields: object, text: string) => void lines.push(`${level} ${text}`);
  const log = { info: note('info'), warn: note('warn'), error: note('error') } as never;

  /** Writes entries one batch each. */
  const write = async (count: number, files?: number): Promise<void> => {
    const audit = new AuditLog({
      ...{ file, fileBytes: LIMIT, files, log, now: () => 0, anchor: () => undefined },
      failed: (error) => expect(error).toBeUndefined(),
    });
    for (let index = 0; index < count; index++) {
      audit.record(event(index));
      await Reflect.get(audit, 'writing');
    }
    await audit.close();
  };
  const aside = (): string[] => fs.readdirSync(dir).filter((name) => name !== 'audit.jsonl');
  const read = (name: string): string => fs.readFileSync(path.join(dir, name), 'utf8');
  const all = (): string => [...aside(), 'audit.jsonl'].map(read).join('');

  it('goes on in a new file, and all files in the order of their names are one chain', async () => {
    await write(50);
    await write(50);
    expect(aside().length).toBeGreaterThan(5);
    expect(aside()).toEqual(aside().sort());
    for (const name of aside()) {
      expect(name).toMatch(/^audit\.jsonl\.\d{16}$/);
      expect(read(name).length).toBeLessThanOrEqual(LIMIT);
      const last = JSON.parse(read(name).trimEnd().split('\n').at(-1) ?? '') as AuditEntry;
      expect(last.seq).toBe(Number(name.slice(-16)));
      expect(fs.statSync(path.join(dir, name)).mode & 0o777).toBe(0o600);
    }
    expect(verifyAudit(all())).toMatchObject({ ok: true, head: { seq: 100 } });
    expect(lines.filter((line) => line === 'info audit log moved aside')).toHaveLength(aside().length);
    expect(lines.filter((line) => !line.startsWith('info'))).toEqual([]);
  });

  it('gives up no record, unless it is told how many files to keep', async () => {
    await write(60);
    const kept = aside();
    await write(40, 0);
    expect(aside().slice(0, kept.length)).toEqual(kept);
    await write(20, 3);
    expect(aside()).toHaveLength(2);
    expect(lines).toContain('info audit records up to this entry given up');
    await write(20, 1);
    expect(aside()).toEqual([]);
    await write(1, 1);
    expect(lines.filter((line) => line.startsWith('warn'))).not.toEqual([]);
    expect(JSON.parse(read('audit.jsonl').trimEnd().split('\n').at(-1) ?? '')).toMatchObject({ seq: 141 });
  });

  it('goes on from the file that was moved aside last, where the server ended before it opened a new one', async () => {
    await write(20);
    const { seq } = JSON.parse(read('audit.jsonl').trimEnd().split('\n').at(-1) ?? '') as AuditEntry;
    fs.renameSync(file, `${file}.${String(seq).padStart(16, '0')}`);
    await write(3);
    expect(verifyAudit(all())).toMatchObject({ ok: true, head: { seq: 23 } });
  });

  it('is refused where it does not follow the file before it, and taken with a warning where that is not there', async () => {
    await write(20);
    const before = path.join(dir, aside().at(-1) ?? '');
    const text = fs.readFileSync(before, 'utf8');
    const name = path.basename(before);
    const lastLine = text.trimEnd().split('\n').at(-1) ?? '';
    const faults = [text.replace(lastLine, lastLine.replace('digits', 'digit5')), text.slice(0, -1), '', 'x\n'];
    for (const fault of faults) {
      fs.writeFileSync(before, fault);
      await expect(write(1)).rejects.toThrow(
        `LNMT8105: the audit log cannot be used: ${name} does not end with entry ${Number(name.slice(-16))}`,
      );
    }
    const own = read('audit.jsonl');
    fs.writeFileSync(before, text);
    fs.writeFileSync(file, own.slice(own.indexOf('\n') + 1));
    expect(lines.filter((line) => line.startsWith('warn'))).toEqual([]);
    await write(1);
    expect(lines).toContain('warn the audit log goes on from a file that is not here');
  });

  it('is written on where it cannot be moved aside, and never over another file', async () => {
    await write(16);
    const [first = ''] = aside();
    const { seq } = JSON.parse(read('audit.jsonl').trimEnd().split('\n').at(-1) ?? '') as AuditEntry;
    const blocked = Array.from({ length: 30 }, (_, index) => `${file}.${String(seq + index).padStart(16, '0')}`);
    for (const name of blocked) fs.writeFileSync(name, 'of somebody else');
    await write(14);
    for (const name of blocked) expect(fs.readFileSync(name, 'utf8')).toBe('of somebody else');
    expect(lines.filter((line) => line.startsWith('error'))).toHaveLength(1);
    expect(verifyAudit(read(first) + read('audit.jsonl'))).toMatchObject({ ok: true, head: { seq: 30 } });
  });

  it('goes on in a new file where somebody else moved the old one', async () => {
    await write(12);
    const taken = path.join(dir, 'taken');
    const audit = new AuditLog({
      ...{ file, fileBytes: LIMIT, log, now: () => 0, anchor: () => undefined },
      failed: (error) => expect(error).toBeUndefined(),
    });
    fs.renameSync(file, taken);
    for (let index = 0; index < 20; index++) {
      audit.record(event(index));
      await Reflect.get(audit, 'writing');
    }
    await audit.close();
    fs.rmSync(taken, { force: true });
    expect(fs.existsSync(file)).toBe(true);
    expect(audit.failed).toBe(false);
  });
});
