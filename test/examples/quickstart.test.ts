import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { TARGETS } from '../../examples/quickstart/app';

const ROOT = path.resolve(__dirname, '../..');

/** Runs the script of package.json in a copy of what it needs, so that the checkout's own output stays as it is. */
function runQuickstart(
  cwd: string,
  temporary: string,
): Promise<{ code: number | null; out: string; err: string; group: number }> {
  const { scripts } = JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  const [program, script] = (scripts['quickstart'] ?? '').split(' ');
  const tsx = path.join(ROOT, 'node_modules/.bin', program ?? '');
  const env = { ...process.env, TMPDIR: temporary, TSX_TSCONFIG_PATH: path.join(ROOT, 'tsconfig.json') };
  const child = spawn(tsx, [path.join(ROOT, script ?? '')], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  return new Promise((resolve, reject) => {
    let out = '';
    let err = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (out += chunk));
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (err += chunk));
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, out, err, group: child.pid ?? 0 }));
  });
}

/** Command lines of all processes that mention a text. */
function processesWith(text: string): string[] {
  if (!fs.existsSync('/proc/self/environ')) return [];
  return fs.readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    try {
      const environment = fs.readFileSync(`/proc/${pid}/environ`, 'utf8');
      return environment.includes(text) ? [fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')] : [];
    } catch {
      return [];
    }
  });
}

test('the quickstart synthesizes every target, serves the digits over HTTP, and leaves no process and no file', async () => {
  const cwd = fs.mkdtempSync(path.join(os.tmpdir(), 'lnmt-quickstart-'));
  const temporary = path.join(cwd, 'tmp');
  fs.mkdirSync(temporary);
  try {
    const { code, out, err } = await runQuickstart(cwd, temporary);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    for (const target of Object.keys(TARGETS)) {
      expect(out).toMatch(
        new RegExp(`^${target} +${target} +\\d+ +\\d+ +\\d+ +\\d+ +[\\d.]+ s +cdktf.out/${target}$`, 'm'),
      );
      expect(fs.existsSync(path.join(cwd, `cdktf.out/${target}/stacks/${target}-infra/cdk.tf.json`))).toBe(true);
    }
    expect(out).toMatch(/LNMT_BIND_ADDRESS: 0\.0\.0\.0 -> 127\.0\.0\.1 \(bind address\)/);
    expect(out.match(/predicted \d \( *[\d.]+ %\), label \d/g)).toHaveLength(10);
    const accuracy = /accuracy: ([\d.]+) % of (\d+) held-out digits/.exec(out);
    expect(Number(accuracy?.[1])).toBeGreaterThan(95);
    expect(Number(accuracy?.[2])).toBe(360);
    expect(processesWith(temporary)).toEqual([]);
    expect(fs.readdirSync(temporary).filter((name) => name.startsWith('lnmt-'))).toEqual([]);
  } finally {
    fs.rmSync(cwd, { recursive: true, force: true });
  }
}, 180_000);
