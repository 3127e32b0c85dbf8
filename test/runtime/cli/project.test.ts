import fs from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';
import { summarize } from '../../../runtime/cli/synth/platforms';
import { planTable } from '../../../runtime/cli/synth/plan-table';
import { install } from '../../support/install';
import { cli, command, ROOT, scratch } from './support';

const FILES = ['.gitignore', '.npmrc', 'cdktf.json', 'main.ts', 'package.json', 'tsconfig.json'];

describe('lnmt init', () => {
  test.each(['aws', 'onprem'])('writes a project for %s that synthesizes at once', async (target) => {
    const cwd = scratch();
    const { code, out } = await command(['init', '--target', target, 'My Platform!'], { cwd });
    const project = path.join(cwd, 'My Platform!');
    expect(code).toBe(0);
    expect(
      out
        .trim()
        .split('\n')
        .map((file) => path.basename(file))
        .sort(),
    ).toEqual(FILES);
    expect(fs.readdirSync(project).sort()).toEqual(FILES);
    install(project);
    const synth = await command(['synth', '--json'], { cwd: project });
    expect(synth.err).not.toContain('LNMT');
    expect(JSON.parse(synth.out)).toMatchObject({
      output: 'cdktf.out',
      stacks: [{ name: 'ml-infra' }, { name: 'ml-workloads', dependencies: ['ml-infra'] }],
    });
    expect(fs.existsSync(path.join(project, 'cdktf.out/stacks/ml-infra/cdk.tf.json'))).toBe(true);
  });

  test('lets the program import the digests that lnmt images push writes', async () => {
    const cwd = scratch();
    await cli(['init', '--target', 'onprem', '.'], { cwd });
    fs.writeFileSync(path.join(cwd, 'images.json'), '{"inference": "sha256:0"}');
    const file = path.join(cwd, 'main.ts');
    fs.writeFileSync(file, "import digests from './images.json';\nexport const digest: string = digests.inference;\n");
    const read = ts.readConfigFile(path.join(cwd, 'tsconfig.json'), (name) => ts.sys.readFile(name));
    const { options, fileNames } = ts.parseJsonConfigFileContent(read.config, ts.sys, cwd);
    expect(fileNames).toEqual([file]);
    const program = ts.createProgram(fileNames, { ...options, types: [] });
    expect(program.getSemanticDiagnostics(program.getSourceFile(file)).map(({ messageText }) => messageText)).toEqual(
      [],
    );
  });

  test.each([
    ['ml-platform', 'cd ml-platform && '],
    ["ann's platform", "cd 'ann'\\''s platform' && "],
    ['.', ''],
  ])('says in words of a shell what comes next in %s', async (dir, enter) => {
    const { err } = await cli(['init', '--target', 'onprem', dir], { cwd: scratch() });
    expect(err).toBe(`next: ${enter}npm install && npx lnmt synth\n`);
  });

  test('pins exact versions, those that lnmt itself is tested with', async () => {
    const cwd = scratch();
    await cli(['init', '--target', 'aws', '.'], { cwd });
    const { dependencies, devDependencies } = JSON.parse(
      fs.readFileSync(path.join(cwd, 'package.json'), 'utf8'),
    ) as Record<'dependencies' | 'devDependencies', Record<string, string>>;
    const lock = JSON.parse(fs.readFileSync(path.join(ROOT, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { version?: string }>;
    };
    expect(Object.keys(dependencies)).toContain('@cdktf/provider-aws');
    for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies })) {
      const locked = name === 'lnmt' ? lock.packages[''] : lock.packages[`node_modules/${name}`];
      expect(version, name).toMatch(/^\d+\.\d+(\.\d+)?$/);
      expect(locked?.version?.startsWith(version), `${name} ${version} is not what the lock file has`).toBe(true);
    }
  });

  test('refuses a file for the folder', async () => {
    const cwd = scratch();
    fs.writeFileSync(path.join(cwd, 'mine'), 'precious');
    for (const place of ['mine', 'mine/below']) {
      const { code, err } = await cli(['init', '--target', 'onprem', place], { cwd });
      expect([code, err]).toEqual([2, expect.stringContaining('LNMT6001: the folder names no place for a file')]);
    }
  });

  test('refuses to overwrite, names what is there, and writes nothing at all', async () => {
    const cwd = scratch();
    fs.writeFileSync(path.join(cwd, 'main.ts'), 'precious');
    const { code, err } = await cli(['init', '--target', 'aws'], { cwd });
    expect(code).toBe(2);
    expect(err).toMatch(/error LNMT6005[^]*main\.ts/);
    expect(fs.readdirSync(cwd)).toEqual(['main.ts']);
    expect(fs.readFileSync(path.join(cwd, 'main.ts'), 'utf8')).toBe('precious');
  });

  test('refuses a target that there is not', async () => {
    expect((await cli(['init', '--target', 'moon'], { cwd: scratch() })).err).toContain('aws, onprem');
  });
});

/** A project whose program is a line of shell or of JavaScript. */
function projectWith(app: string, extra: object = {}): string {
  const cwd = scratch();
  fs.writeFileSync(path.join(cwd, 'cdktf.json'), JSON.stringify({ app, language: 'typescript', ...extra }));
  return cwd;
}

const env = { PATH: process.env['PATH'] };

describe('lnmt synth', () => {
  test('refuses a folder without a program', async () => {
    expect(await cli(['synth'], { cwd: scratch() })).toMatchObject({
      code: 2,
      err: expect.stringContaining('error LNMT6002') as string,
    });
    expect((await cli(['synth'], { cwd: projectWith('') })).err).toContain('cdktf.json has no app');
  });

  test('gives the program folder, context and output as cdktf does', async () => {
    const cwd = projectWith('pwd > seen; echo "$CDKTF_OUTDIR $CDKTF_CONTEXT_JSON" >> seen', {
      context: { a: 1 },
      output: 'deep/out',
    });
    expect((await cli(['synth'], { cwd, env })).err).toMatch(/error LNMT6004[^]*end the program with app\.synth\(\)/);
    expect(fs.readFileSync(path.join(cwd, 'seen'), 'utf8')).toBe(`${fs.realpathSync(cwd)}\ndeep/out {"a":1}\n`);
    expect(fs.existsSync(path.join(cwd, 'deep/out'))).toBe(true);
  });

  test('prints a rule that the program broke with its code and path, and not the trace around it', async () => {
    const message = 'LnmtError: LNMT1009 [ml/digits]: maxReplicas does not fit; got 9; allowed: 3; raise maxNodes';
    const cwd = projectWith(`echo "file.ts:3\n  throw x\n${message}\n    at Object (file.ts:3:1)" >&2; exit 1`);
    const { code, err } = await cli(['synth'], { cwd, env });
    expect(code).toBe(3);
    expect(err).toBe(`error ${message.slice(11)}\n  more:    lnmt explain LNMT1009\n`);
  });

  test('prints what any other program said before it failed', async () => {
    const { code, err } = await cli(['synth'], { cwd: projectWith('echo "SyntaxError: eh" >&2; exit 5'), env });
    expect(code).toBe(1);
    expect(err).toMatch(/^SyntaxError: eh\nerror LNMT6003: `echo .*` ended with code 5\n/);
  });
});

describe('lnmt plan', () => {
  test('shows the quickstart’s targets side by side, each in a folder of its own', async () => {
    const output = path.relative(ROOT, scratch());
    const app = 'node node_modules/tsx/dist/cli.mjs examples/quickstart/main.ts';
    const { code, out } = await command(['plan', '--all-targets', '--app', app, '--output', output, '--json']);
    expect(code).toBe(0);
    const { rows } = JSON.parse(out) as { rows: Record<string, unknown>[] };
    expect(rows.map(({ target }) => target)).toEqual(['aws', 'onprem']);
    for (const row of rows) {
      expect(row['folder']).toBe(path.join(output, String(row['target'])));
      expect(row['terraformResources']).toBeGreaterThan(10);
      expect(row['kubernetesObjects']).toBeGreaterThan(20);
      expect(row['helmReleases']).toBeGreaterThan(5);
      expect(row['seconds']).toBeGreaterThan(0);
    }
    expect(rows[1]?.['gaps']).toHaveProperty('spot-capacity');
    const again = await cli(['plan', '--targets', 'aws,onprem', '--output', output, '--no-synth']);
    expect(again.out).toMatch(/^TARGET +PLATFORM +TERRAFORM RESOURCES/);
    expect(again.out).toContain('onprem has no spot-capacity: ');
  });

  test('keeps the row of a target that refuses, and ends with the code for a refused description', async () => {
    const refuse = 'echo "LNMT1007: $LNMT_TARGET does not offer it; choose another" >&2; exit 1';
    const { code, out, err } = await cli(['plan', '--all-targets'], {
      cwd: projectWith(refuse, { context: { 'lnmt/targets': ['moon', 'mars'] } }),
      env,
    });
    expect(code).toBe(3);
    expect(out).toContain('mars refuses: LNMT1007: mars does not offer it; choose another');
    expect(err).toContain('error LNMT1007: moon does not offer it');
  });

  test('counts a platform’s stacks together, shared ones in each, and others apart', () => {
    const delivery = (cloud: string, platform: string) => ({
      cloud,
      platform,
      mode: 'direct' as const,
      values: {},
      releases: [{ name: 'r', layer: '30-apps', namespace: 'n', objects: 4 }],
    });
    const stack = (name: string, dependencies: string[], resources: number, own = {}) => ({
      name,
      folder: name,
      dependencies,
      resources,
      ...own,
    });
    const rows = summarize([
      stack('infra', [], 10),
      stack('apps', ['infra'], 2, { delivery: delivery('aws', 'ml') }),
      stack('more', ['apps'], 3, { delivery: delivery('aws', 'ml') }),
      stack('lone', [], 1),
    ]);
    expect(rows).toMatchObject([
      {
        target: 'aws',
        platform: 'ml',
        stacks: ['infra', 'apps', 'more'],
        terraformResources: 15,
        kubernetesObjects: 8,
        helmReleases: 2,
      },
      { target: '-', stacks: ['lone'], terraformResources: 1 },
    ]);
    expect(planTable(rows.map((row) => ({ ...row, folder: 'out' })))).toContain(
      'aws     ml                         15',
    );
  });

  test('refuses names of targets that are none', async () => {
    expect((await cli(['plan', '--targets', '../up'])).err).toContain('error LNMT6001');
  });
});
