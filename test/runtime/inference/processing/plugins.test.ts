import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RequestError } from '../../../../runtime/shared/errors';
import type { OpenSteps, StepConfig } from '../../../../runtime/inference/processing/open';
import { pluginStep } from '../../../../runtime/inference/processing/steps/plugin';
import type { PluginSettings } from '../../../../runtime/inference/processing/step-settings';
import { packStrings, unpackStrings } from '../../../../runtime/inference/tensors/bytes';
import type { Tensor } from '../../../../runtime/inference/tensors/tensor';
import { digestOf, openTestSteps, textPlugin, writePlugin } from '../../support/plugins';
import { isAlive } from '../../support/process';
import { temporaryFolder } from '../../support/temporary';

const UPPER = `
exports.steps = {
  run: ({ text }, { suffix = '' }, tools) =>
    [tools.ofTexts('text', text.shape, tools.texts(text).map((each) => each.toUpperCase() + suffix))],
};`;

const textTensor = (...texts: string[]): Tensor => ({
  ...{ name: 'text', datatype: 'BYTES', shape: [texts.length] },
  data: packStrings(texts),
});

describe('plugins', () => {
  let dir: string;
  let folder: string;
  let steps: OpenSteps | undefined;
  let log: string[];

  beforeEach(() => {
    dir = temporaryFolder();
    folder = path.join(dir, 'plugins');
    fs.mkdirSync(folder);
    log = [];
    steps = undefined;
  });

  afterEach(async () => {
    await steps?.close();
    fs.rmSync(dir, { recursive: true, force: true });
  });

  const logger = () => pino({ level: 'debug' }, { write: (line: string) => void log.push(line) });

  async function open(config: Partial<StepConfig> = {}): Promise<OpenSteps> {
    const digests = await Promise.all(fs.readdirSync(folder).map((name) => digestOf(path.join(folder, name))));
    steps = await openTestSteps({ pluginsDir: folder, pluginsAllow: digests, ...config }, logger());
    return steps;
  }

  /** Takes the step `run` of a plugin. */
  async function take(plugin: string, input: Tensor, parameters: PluginSettings['parameters'] = {}): Promise<string[]> {
    if (steps === undefined) throw new Error('nothing is open');
    const settings = { plugin, step: 'run', inputs: {}, outputs: {}, parameters };
    const [output] = await pluginStep(settings, steps.plugins).run([input], { signal: new AbortController().signal });
    return unpackStrings(output?.data ?? new Uint8Array());
  }

  async function refusal(work: Promise<unknown>): Promise<RequestError> {
    const error: unknown = await work.then(
      () => new Error('it was taken'),
      (thrown: unknown) => thrown,
    );
    if (error instanceof RequestError) return error;
    throw error;
  }

  const pidOf = (name: string): number => steps?.plugins.get(name)?.workers.pids[0] ?? 0;

  describe('that may run', () => {
    it('take tensors and parameters in a process of their own, and give tensors', async () => {
      textPlugin(path.join(folder, 'upper'), 'upper', UPPER);
      await open();
      expect(await take('upper', textTensor('a', 'ß', ''))).toEqual(['A', 'SS', '']);
      expect(await take('upper', textTensor('a'), { suffix: '!' })).toEqual(['A!']);
      expect(isAlive(pidOf('upper'))).toBe(true);
      expect(pidOf('upper')).not.toBe(process.pid);
    });

    it('find nothing of what an earlier step made of its tensors and parameters', async () => {
      const greedy = `exports.steps = {
        run: ({ text }, parameters, tools) => {
          parameters.suffix += '!';
          parameters.list.push('more');
          const answer = text.shape.concat(parameters.suffix, parameters.list).join(' ');
          text.shape.push(1);
          return [tools.ofTexts('text', [1], [answer])];
        },
      };`;
      textPlugin(path.join(folder, 'greedy'), 'greedy', greedy);
      await open();
      const ask = (): Promise<string[]> => take('greedy', textTensor('a'), { suffix: 'b', list: ['c'] });
      for (let turn = 0; turn < 3; turn += 1) expect(await ask()).toEqual(['1 b! c more']);
    });

    it('may be modules, and work with numbers', async () => {
      const x = { name: 'x', datatype: 'FP32', shape: [-1] };
      writePlugin(path.join(folder, 'double'), {
        'plugin.json': {
          ...{ name: 'double', version: '1', entry: 'main.mjs' },
          steps: [{ name: 'run', inputs: [x], outputs: [x] }],
        },
        'lib/double.mjs': 'export const double = (value) => 2 * value;',
        'main.mjs': `import { double } from './lib/double.mjs';
          export default { steps: { run: async ({ x }, _, tools) =>
            [tools.ofNumbers('x', 'FP32', x.shape, tools.numbers(x).map(double))] } };`,
      });
      await open();
      const step = pluginStep(
        { plugin: 'double', step: 'run', inputs: { x: 'input' }, outputs: { x: 'output' }, parameters: {} },
        steps?.plugins ?? new Map(),
      );
      const data = new Uint8Array(Float32Array.of(1, 2.5).buffer);
      const input = { name: 'input', datatype: 'FP32', shape: [2], data } as const;
      const [output] = await step.run([input], { signal: new AbortController().signal });
      expect(output?.name).toBe('output');
      expect(Array.from(new Float32Array(Uint8Array.from(output?.data ?? []).buffer))).toEqual([2, 5]);
    });

    it('are found as packages, too', async () => {
      const root = path.join(__dirname, '../../../../node_modules');
      const name = `lnmt-test-plugin-${process.pid}`;
      const dirOfPackage = textPlugin(path.join(root, name), 'packed', UPPER);
      try {
        await open({ pluginsDir: undefined, plugins: [name], pluginsAllow: [await digestOf(dirOfPackage)] });
        expect(await take('packed', textTensor('a'))).toEqual(['A']);
      } finally {
        fs.rmSync(dirOfPackage, { recursive: true });
      }
    });

    it('run from a copy: what is changed after the digest was taken never runs', async () => {
      const source = textPlugin(path.join(folder, 'upper'), 'upper', UPPER);
      await open();
      fs.writeFileSync(path.join(source, 'index.js'), 'process.exit(1)');
      process.kill(pidOf('upper'), 'SIGKILL');
      await expect.poll(() => take('upper', textTensor('a')).catch(() => undefined)).toEqual(['A']);
    });

    it('share work among several processes', async () => {
      textPlugin(
        path.join(folder, 'slow'),
        'slow',
        `exports.steps = { run: async ({ text }) => {
          await new Promise((resolve) => setTimeout(resolve, 50));
          return [text];
        } };`,
      );
      await open({ processingProcesses: 2 });
      const answers = await Promise.all(['a', 'b', 'c', 'd'].map((each) => take('slow', textTensor(each))));
      expect(answers.flat()).toEqual(['a', 'b', 'c', 'd']);
      expect(steps?.plugins.get('slow')?.workers.pids).toHaveLength(2);
    });

    it('refuse an input without a word of why', async () => {
      textPlugin(path.join(folder, 'picky'), 'picky', 'exports.steps = { run: (a, b, tools) => tools.refuse() };');
      await open();
      const error = await refusal(take('picky', textTensor('a')));
      expect([error.code, error.status, error.message]).toEqual([
        ...['LNMT8448', 422, 'the step "picky/run" refuses the input'],
      ]);
    });
  });

  describe('at start', () => {
    it('refuses a plugin that is not on the list, and prints its digest for the operator', async () => {
      const source = textPlugin(path.join(folder, 'upper'), 'upper', UPPER);
      const digest = await digestOf(source);
      await expect(open({ pluginsAllow: ['0'.repeat(64)] })).rejects.toThrow(/^LNMT8361.*/);
      await expect(open({ pluginsAllow: [] })).rejects.toThrow(digest);
    });

    it('refuses a plugin of which one byte, one name or one more file differs', async () => {
      const source = textPlugin(path.join(folder, 'upper'), 'upper', UPPER);
      const pluginsAllow = [await digestOf(source)];
      fs.appendFileSync(path.join(source, 'index.js'), ' ');
      await expect(open({ pluginsAllow })).rejects.toThrow('LNMT8361');
      fs.writeFileSync(path.join(source, 'index.js'), UPPER);
      fs.writeFileSync(path.join(source, 'more.js'), '');
      await expect(open({ pluginsAllow })).rejects.toThrow('LNMT8361');
      fs.rmSync(path.join(source, 'more.js'));
      await open({ pluginsAllow });
    });

    it('refuses a capability that the list does not grant, and names the entry that would', async () => {
      const source = textPlugin(path.join(folder, 'net'), 'net', UPPER, { capabilities: ['network'] });
      const digest = await digestOf(source);
      await expect(open()).rejects.toThrow(`LNMT8361: the plugin is not on the allow-list: ${source} wants network`);
      await expect(open()).rejects.toThrow(`${digest}+network`);
      await open({ pluginsAllow: [`${digest}+network`] });
    });

    it('takes the list from a file with remarks', async () => {
      const digest = await digestOf(textPlugin(path.join(folder, 'upper'), 'upper', UPPER));
      const pluginsAllowFile = path.join(dir, 'allow');
      fs.writeFileSync(pluginsAllowFile, `# ours\n\n${digest}+network # upper\n`);
      await open({ pluginsAllow: [], pluginsAllowFile });
      expect(await take('upper', textTensor('a'))).toEqual(['A']);
    });

    it.each([
      ['no digest', 'upper'],
      ['a digest in capitals', 'A'.repeat(64)],
      ['an unknown capability', `${'0'.repeat(64)}+root`],
    ])('refuses a list with %s', async (_title, entry) => {
      await expect(open({ pluginsAllow: [entry] })).rejects.toThrow('LNMT8366');
    });

    it('refuses a list that cannot be read', async () => {
      await expect(open({ pluginsAllowFile: path.join(dir, 'absent') })).rejects.toThrow('LNMT8366');
    });

    it.each([
      ['a link', (at: string) => fs.symlinkSync('/etc/passwd', path.join(at, 'link')), 'neither a file nor a folder'],
      ['an entry that is not there', (at: string) => fs.rmSync(path.join(at, 'index.js')), 'it has no index.js'],
      [
        'a manifest that is no JSON',
        (at: string) => fs.writeFileSync(path.join(at, 'plugin.json'), '{'),
        'plugin.json is not JSON',
      ],
      [
        'an entry outside',
        (at: string) => textPlugin(at, 'bad', UPPER, { entry: '../index.js' }),
        'entry is not a plain path',
      ],
      ['a strange name', (at: string) => textPlugin(at, 'Bad Name', UPPER), 'name does not match'],
      ['no steps', (at: string) => textPlugin(at, 'bad', UPPER, { steps: [] }), 'names no step'],
      ['a strange member', (at: string) => textPlugin(at, 'bad', UPPER, { scripts: {} }), 'unknown member "scripts"'],
      [
        'a strange capability',
        (at: string) => textPlugin(at, 'bad', UPPER, { capabilities: ['root'] }),
        'is not one of network, addons',
      ],
      [
        'a strange datatype',
        (at: string) =>
          textPlugin(at, 'bad', UPPER, {
            steps: [{ name: 'run', inputs: [{ name: 'x', datatype: 'FP8' }], outputs: [] }],
          }),
        'datatype is not supported',
      ],
    ])('refuses a plugin with %s', async (_title, spoil, message) => {
      const at = textPlugin(path.join(folder, 'bad'), 'bad', UPPER);
      spoil(at);
      const digest = await digestOf(at).catch(() => '0'.repeat(64));
      const opening = openTestSteps({ pluginsDir: folder, pluginsAllow: [digest] });
      await expect(opening).rejects.toThrow('LNMT8362');
      await expect(openTestSteps({ pluginsDir: folder, pluginsAllow: [digest] })).rejects.toThrow(message);
    });

    it('refuses two plugins of one name, and a package that is not there', async () => {
      textPlugin(path.join(folder, 'a'), 'same', UPPER);
      textPlugin(path.join(folder, 'b'), 'same', `${UPPER}\n`);
      await expect(open()).rejects.toThrow('another plugin has the name same');
      await expect(open({ pluginsDir: undefined, plugins: ['../../etc'] })).rejects.toThrow('LNMT8362');
      await expect(open({ pluginsDir: undefined, plugins: ['lnmt-no-such-plugin'] })).rejects.toThrow('LNMT8362');
    });

    it.each([
      ['raises an error', 'throw new Error("no luck")', 'no luck'],
      ['ends', 'process.exit(3)', 'its process ended'],
      ['exports nothing', '', 'no function for the step run'],
      [
        'reads a file of the system',
        'require("fs").readFileSync("/etc/passwd")',
        'Access to this API has been restricted',
      ],
    ])('refuses a plugin whose entry %s', async (_title, source, message) => {
      textPlugin(path.join(folder, 'bad'), 'bad', source);
      const opening = open();
      await expect(opening).rejects.toThrow('LNMT8363');
      await expect(open()).rejects.toThrow(message);
    });

    it('leaves nothing behind: neither processes nor copies', async () => {
      textPlugin(path.join(folder, 'upper'), 'upper', UPPER);
      await open();
      const pid = pidOf('upper');
      await steps?.close();
      expect(isAlive(pid)).toBe(false);
      await expect(take('upper', textTensor('a'))).rejects.toThrow('the server is ending');
    });
  });

  describe('that are hostile', () => {
    /** Source of a plugin whose step does one thing and gives its result as text. */
    const doing = (expression: string): string => `exports.steps = { run: async ({ text }, _, tools) => {
      let result;
      try { result = await (${expression}); } catch (error) { result = error.code ?? error.message; }
      return [tools.ofTexts('text', [1], [String(result)])];
    } };`;

    async function finds(expression: string): Promise<string> {
      textPlugin(path.join(folder, 'spy'), 'spy', doing(expression));
      await open();
      const [found = ''] = await take('spy', textTensor('a'));
      return found;
    }

    it.each([
      ['the environment', 'JSON.stringify(process.env)', '{}'],
      ['files', 'require("fs").readFileSync("/etc/passwd", "utf8")', 'ERR_ACCESS_DENIED'],
      ['folders above it', 'require("fs").readdirSync(require("path").join(__dirname, ".."))', 'ERR_ACCESS_DENIED'],
      ['its own files for writing', 'require("fs").writeFileSync(__filename, "")', 'ERR_ACCESS_DENIED'],
      ['a program', 'require("child_process").execFileSync("id")', 'ERR_ACCESS_DENIED'],
      ['a thread', 'new (require("worker_threads").Worker)("1", { eval: true })', 'ERR_ACCESS_DENIED'],
      ['the bindings of Node.js', 'process.binding("tcp_wrap")', 'ERR_ACCESS_DENIED'],
      ['the server to end', 'process.kill(process.ppid, "SIGKILL")', 'process.kill is not a function'],
      ['it by another way', 'process._kill(process.ppid, 9)', 'process._kill is not a function'],
      ['it as a module', 'import("node:process").then((p) => p.kill(p.ppid, 9))', 'p.kill is not a function'],
    ])('get no access to %s', async (_title, expression, expected) => {
      expect(await finds(expression)).toBe(expected);
    });

    it('reach no network where the system can withhold it', async (context) => {
      const server = net.createServer((socket) => socket.end('hello')).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as net.AddressInfo;
      try {
        const found = await finds(`new Promise((resolve, reject) =>
          require("net").connect(${port}, "127.0.0.1").on("data", String).on("error", reject).on("connect", () => resolve("reached")))`);
        const line = log.find((each) => each.includes('processes of steps ready')) ?? '{}';
        const { network } = JSON.parse(line) as { network?: string };
        if (network === 'open') {
          expect(log.join('')).toContain('cannot keep it from the network');
          context.skip('this system has no network namespaces for this user');
        }
        expect(network).toBe('namespace');
        expect(found).not.toBe('reached');
      } finally {
        server.close();
      }
    });

    it.each([
      ['loops for ever', 'for (;;);'],
      ['loops for ever after a pause', 'await null; for (;;);'],
      ['never answers', 'await new Promise(() => setInterval(() => 0, 1000));'],
    ])('are ended when one %s, and replaced', async (_title, body) => {
      const source = `exports.steps = { run: async ({ text }, { bad }) => { if (bad) { ${body} } return [text]; } };`;
      textPlugin(path.join(folder, 'late'), 'late', source);
      await open({ processingTimeout: 1 });
      const before = pidOf('late');
      const error = await refusal(take('late', textTensor('a'), { bad: true }));
      expect([error.code, error.status, error.message]).toEqual([
        ...['LNMT8450', 504, 'the step "late/run" took longer than 1 s'],
      ]);
      await expect.poll(() => isAlive(before)).toBe(false);
      await expect.poll(() => take('late', textTensor('b')).catch(() => [])).toEqual(['b']);
      expect(pidOf('late')).not.toBe(before);
    });

    it('fail only what they were at when they end', async () => {
      const source = `exports.steps = { run: async ({ text }, { bad }) => { if (bad) process.exit(0); return [text]; } };`;
      textPlugin(path.join(folder, 'ends'), 'ends', source);
      await open();
      const restarts: string[] = [];
      if (steps) steps.onRestart = (name) => restarts.push(name);
      const [bad, good] = await Promise.allSettled([
        take('ends', textTensor('a'), { bad: true }),
        take('ends', textTensor('b')),
      ]);
      expect(bad.status === 'rejected' && bad.reason).toMatchObject({ code: 'LNMT8451', status: 503, retryAfter: 1 });
      expect(good).toEqual({ status: 'fulfilled', value: ['b'] });
      expect(restarts).toEqual(['plugin ends']);
    });

    it('get no more memory than they are allowed', async () => {
      const source = `exports.steps = { run: async ({ text }, { bad }) => {
        const held = [];
        while (bad) held.push(Buffer.alloc(16 * 2 ** 20, 1));
        return [text];
      } };`;
      textPlugin(path.join(folder, 'greedy'), 'greedy', source);
      await open({ processingMemoryBytes: 512 * 2 ** 20, processingTimeout: 20 });
      const error = await refusal(take('greedy', textTensor('a'), { bad: true }));
      expect(['LNMT8449', 'LNMT8451']).toContain(error.code);
      await expect.poll(() => take('greedy', textTensor('b')).catch(() => [])).toEqual(['b']);
    });

    it.each([
      ['nothing', '[]'],
      ['no list', '7'],
      ['a tensor of another name', '[{ ...text, name: "other" }]'],
      ['the same tensor twice', '[text, text]'],
      ['another datatype', '[{ ...text, datatype: "INT8" }]'],
      ['a shape with more elements than bytes', '[{ ...text, shape: [1000000000] }]'],
      ['a shape of no numbers', '[{ ...text, shape: ["1"] }]'],
      ['a negative size', '[{ ...text, shape: [-1] }]'],
      ['another rank', '[{ ...text, shape: [1, 1] }]'],
      ['bytes that are no texts', '[{ ...text, data: new Uint8Array([255, 255, 255, 255]) }]'],
      ['a text that is not UTF-8', '[{ ...text, data: new Uint8Array([1, 0, 0, 0, 255]) }]'],
    ])('are believed nothing: %s', async (_title, answer) => {
      textPlugin(path.join(folder, 'liar'), 'liar', `exports.steps = { run: ({ text }) => ${answer} };`);
      await open();
      const error = await refusal(take('liar', textTensor('a')));
      expect(['LNMT8449', 'LNMT8452']).toContain(error.code);
      expect(error.status).toBe(500);
      expect(error.message).toMatch(/^the step "liar\/run" (failed|gave another answer than it promises)$/);
    });

    it('say what went wrong in the log and not to clients', async () => {
      textPlugin(
        path.join(folder, 'fails'),
        'fails',
        'exports.steps = { run: () => { throw new Error("/secret/path") } };',
      );
      await open();
      const error = await refusal(take('fails', textTensor('a')));
      expect([error.code, error.message]).toEqual(['LNMT8449', 'the step "fails/run" failed']);
      expect(String(error.cause)).toContain('/secret/path');
    });

    it.each([
      ['garbage', 'Buffer.alloc(4096, 0xff)'],
      ['half a frame', 'Buffer.from([8, 0, 0, 0, 0, 0, 0])'],
      ['a frame of four gigabytes', 'Buffer.from([8, 0, 0, 0, 255, 255, 255, 255, 123, 125, 32, 32, 32, 32, 32, 32])'],
      [
        'an answer of another question',
        'Buffer.concat([Buffer.from([16,0,0,0,0,0,0,0]), Buffer.from(\'{"id":4711}     \')])',
      ],
      ['a frame that is no object', 'Buffer.concat([Buffer.from([8,0,0,0,0,0,0,0]), Buffer.from("null    ")])'],
    ])('are replaced when they write %s to the socket', async (_title, bytes) => {
      const source = `exports.steps = { run: async ({ text }, { bad }) => {
        if (bad) { require("fs").writeSync(4, ${bytes}); await new Promise(() => setInterval(() => 0, 1000)); }
        return [text];
      } };`;
      textPlugin(path.join(folder, 'noisy'), 'noisy', source);
      await open({ processingTimeout: 2 });
      const before = pidOf('noisy');
      const error = await refusal(take('noisy', textTensor('a'), { bad: true }));
      expect(['LNMT8450', 'LNMT8451']).toContain(error.code);
      await expect.poll(() => take('noisy', textTensor('b')).catch(() => [])).toEqual(['b']);
      expect(isAlive(before)).toBe(false);
    });

    it('are refused more work than they can have waiting', async () => {
      textPlugin(
        path.join(folder, 'stuck'),
        'stuck',
        'exports.steps = { run: () => new Promise(() => setInterval(() => 0, 1e3)) };',
      );
      await open({ processingTimeout: 2 });
      const all = await Promise.allSettled(Array.from({ length: 300 }, () => take('stuck', textTensor('a'))));
      const codes = all.map((each) => each.status === 'rejected' && (each.reason as RequestError).code);
      expect(codes.filter((code) => code === 'LNMT8451').length).toBeGreaterThan(40);
      expect(codes).not.toContain(false);
    });
  });
});
