import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { Annotations, App, Aspects, DataResource, LocalBackend, TerraformStack } from 'cdktf';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Delivery, Synthesis } from 'lnmt';
import { addStacks, configMap, readOutput, twoStacks } from './support';

let outdir: string;
beforeEach(() => (outdir = fs.mkdtempSync(path.join(os.tmpdir(), 'lnmt-synthesis-'))));
afterEach(() => fs.rmSync(outdir, { recursive: true, force: true }));

function writtenFiles(): string[] {
  return [...readOutput(outdir).files.keys()];
}

describe('one synthesis', () => {
  test('writes no file of any stack when only the last stack has a fault', () => {
    const { app, workloads } = twoStacks(outdir);
    workloads.add(workloads, { addons: [], objects: [configMap({ a: 'b' })] });
    const last = new TerraformStack(app, 'zz-last');
    last.node.addValidation({ validate: () => ['the last stack is wrong'] });
    expect(() => app.synth()).toThrow(/the last stack is wrong/);
    expect(writtenFiles()).toEqual([]);
  });

  test('writes no file when an error annotation is added by an aspect of the last stack', () => {
    const { app } = twoStacks(outdir);
    const last = new TerraformStack(app, 'zz-last');
    Aspects.of(last).add({ visit: (node) => Annotations.of(node).addError('not allowed') });
    expect(() => app.synth()).toThrow(/not allowed/);
    expect(writtenFiles()).toEqual([]);
  });

  test('writes no file when a chart of the last stack cannot be rendered', () => {
    const { app, workloads } = twoStacks(outdir);
    new TerraformStack(app, 'aa-first');
    workloads.add(workloads, { addons: [], objects: [configMap({}, { namespace: undefined })] });
    expect(() => app.synth()).toThrow(/LNMT4002/);
    expect(writtenFiles()).toEqual([]);
  });

  test('keeps the output of the last good synthesis when the next one fails', () => {
    const good = twoStacks(outdir);
    good.workloads.add(good.workloads, { addons: [], objects: [configMap({ a: 'b' })] });
    good.app.synth();
    const before = readOutput(outdir).files;
    const bad = twoStacks(outdir);
    bad.workloads.add(bad.workloads, { addons: [], objects: [configMap({}, { namespace: undefined })] });
    expect(() => bad.app.synth()).toThrow(/LNMT4002/);
    expect(readOutput(outdir).files).toEqual(before);
  });

  test('runs every aspect once', () => {
    const { app, infra } = twoStacks(outdir);
    const visited: string[] = [];
    Aspects.of(infra).add({ visit: (node) => void visited.push(node.node.path) });
    app.synth();
    expect(visited.length).toBe(new Set(visited).size);
  });

  test('gives the same bytes twice, also on the same app', () => {
    const { app, workloads, token } = twoStacks(outdir);
    workloads.add(workloads, { addons: [], objects: [configMap({ a: token() })] });
    app.synth();
    const first = readOutput(outdir).files;
    app.synth();
    expect(readOutput(outdir).files).toEqual(first);
  });

  test('replaces the chart of an earlier synthesis, and leaves the files of Terraform alone', () => {
    for (const value of ['old', 'new']) {
      const { app, workloads } = twoStacks(outdir);
      workloads.add(workloads, { addons: [], objects: [configMap({ value })] });
      app.synth();
      fs.mkdirSync(path.join(outdir, 'stacks/ml-workloads/.terraform'), { recursive: true });
      fs.writeFileSync(path.join(outdir, 'stacks/ml-workloads/.terraform/kept'), '');
    }
    const charts = writtenFiles().filter((file) => file.endsWith('Chart.yaml'));
    expect(charts).toHaveLength(1);
    expect(readOutput(outdir).file(/configmap-/)).toContain('value: new');
    expect(writtenFiles()).toContain('stacks/ml-workloads/.terraform/kept');
  });

  test('keeps two platforms of one app apart', () => {
    const app = new App({ outdir });
    for (const name of ['eu', 'us']) {
      const { workloads, token } = addStacks(app, name, Delivery.direct());
      workloads.add(workloads, { addons: [], objects: [configMap({ bucket: token() })] });
    }
    app.synth();
    const output = readOutput(outdir);
    for (const name of ['eu', 'us']) {
      const index = JSON.parse(output.file(new RegExp(`${name}-workloads/lnmt.json`))) as {
        values: Record<string, string>;
      };
      expect(Object.values(index.values).join()).toContain(`cross-stack-reference-input-${name}-infra`);
    }
  });

  test('leaves an app without a Kubernetes half as cdktf writes it', () => {
    const app = new App({ outdir });
    const stack = new TerraformStack(app, 'plain');
    new LocalBackend(stack, { path: 'x.tfstate' });
    new DataResource(stack, 'r', { input: { a: 1 } });
    Synthesis.of(stack).install(stack);
    app.synth();
    expect(Object.keys(readOutput(outdir).stack('plain').resource ?? {})).toEqual(['terraform_data']);
  });

  test('refuses a construct outside a stack', () => {
    expect(() => Synthesis.of(new App({ outdir }))).toThrow(/LNMT4008/);
  });
});
