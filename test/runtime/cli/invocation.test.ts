import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { buildProgram } from '../../../runtime/cli/program';
import type { Command } from 'commander';
import { cli, command, scratch } from './support';

function verbs(parent: Command): Command[] {
  return parent.commands.flatMap((child) => (child.commands.length > 0 ? verbs(child) : [child]));
}

const program = buildProgram({
  cwd: '.',
  env: {},
  out: () => undefined,
  err: () => undefined,
  terminal: false,
  node: '',
  onInterrupt: () => () => undefined,
});

describe('the lnmt command', () => {
  test.each(
    verbs(program).map((verb) => [verb.parent === program ? [] : [verb.parent?.name() ?? ''], verb.name()].flat()),
  )('shows examples in the help of %s %s', async (...path) => {
    const { code, out } = await cli([...path.filter((word) => word !== undefined), '--help']);
    expect(code).toBe(0);
    expect(out).toMatch(/^Usage: lnmt /);
    expect(out).toMatch(/\nExamples:\n {2}\S/);
  });

  test('prints its version, and the help of a verb is not the program’s', async () => {
    expect((await cli(['--version'])).out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test('refuses an unknown verb with a hint, the usage code and no stack trace', async () => {
    const { code, out, err } = await command(['synht']);
    expect(code).toBe(2);
    expect(out).toBe('');
    expect(err).toBe(
      "error LNMT6001: unknown command 'synht'\n  remedy:  did you mean synth?\n  more:    lnmt explain LNMT6001\n",
    );
  });

  test.each([
    [['images'], 'a verb is missing', 'lnmt images'],
    [['model'], 'a verb is missing', 'lnmt model'],
    [['model', 'inspect'], "missing required argument 'file'", 'lnmt model inspect'],
    [['model', 'inspect', 'x', '--nothing'], "unknown option '--nothing'", 'lnmt model inspect'],
  ])('says whose help tells what %j lacks', async (argv, what, command) => {
    const { code, err } = await cli(argv);
    expect([code, err]).toEqual([2, expect.stringContaining(`${what}\n  remedy:  run \`${command} --help\`\n`)]);
  });

  test.each([
    ['a file below a file', ['model', 'inspect', 'file/x'], /LNMT6028: .*file\/x cannot be used: a part of its path/],
    ['a folder for a model', ['model', 'inspect', '.'], /LNMT6001: that is a folder/],
    [
      'a folder to push',
      ['model', 'push', 'm', '.', '--version', '1', '--store', 'file:///x'],
      /6001: that is a folder/,
    ],
    ['a file for the output', ['synth', '--app', 'true', '--output', 'file'], /LNMT6028: .*file cannot be used/],
    ['an empty file', ['model', 'push', 'm', 'file', '--version', '1', '--store', 'file:///x'], /LNMT6012/],
    [
      'no URL',
      ['state', 'bootstrap', '--bucket', 'states', '--region', 'x', '--endpoint', 'h:1'],
      /endpoint .* is no URL/,
    ],
    ['an empty address', ['serve', 'file', '--host', ''], /LNMT6001: --host is empty/],
  ])('takes %s for a wrong invocation, and for no defect', async (_title, argv, message) => {
    const cwd = scratch();
    fs.writeFileSync(path.join(cwd, 'file'), '');
    const { code, err } = await cli(argv, { cwd });
    expect([code, err]).toEqual([2, expect.stringMatching(message)]);
  });

  test('prints an error as JSON for whoever asked for JSON', async () => {
    const { code, err } = await cli(['explain', 'nothing', '--json']);
    expect(code).toBe(2);
    expect(JSON.parse(err)).toMatchObject({ error: { code: 'LNMT6018', what: 'the code is not known' } });
  });

  test.each([
    ['stdout', 'EPIPE', 0],
    ['stdout', 'EIO', 0],
    ['stderr', 'EPIPE', 0],
    ['stderr', 'EIO', 0],
    ['stderr', 'ENOSPC', 1],
  ])(
    'takes a reader that is gone for no failure: where its %s fails with %s, it ends with %i',
    async (stream, fault, expected) => {
      const file = path.join(scratch(), 'break.cjs');
      const error = `Object.assign(new Error('x'), { code: '${fault}' })`;
      fs.writeFileSync(file, `setImmediate(() => process.${stream}.emit('error', ${error}));`);
      const { code } = await command(['explain', 'LNMT6001'], { env: { NODE_OPTIONS: `--require ${file}` } });
      expect(code).toBe(expected);
    },
  );

  test('fails where nothing is left to wait for and the verb is not done', async () => {
    const file = path.join(scratch(), 'forget.cjs');
    fs.writeFileSync(file, "require('node:http').request = () => ({ once() {}, end() {} });");
    const env = { NODE_OPTIONS: `--require ${file}` };
    expect((await command(['bench', 'http://127.0.0.1:1', '--model', 'm'], { env })).code).toBe(1);
  });
});
