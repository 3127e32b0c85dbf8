import fs from 'node:fs';
import os from 'node:os';
import { ApiObject } from 'cdk8s';
import { App, TerraformOutput, TerraformStack } from 'cdktf';
import { Construct } from 'constructs';
import { FakeResource, renderObjects, synthApp, synthTerraform, testApp, testStack } from 'lnmt/testing';
import { describe, expect, it } from 'vitest';

describe('synthTerraform', () => {
  it('returns resources without the metadata of cdktf', () => {
    const stack = testStack();
    new FakeResource(stack, 'one', { a: 'b' });
    const { document } = synthTerraform(stack);
    expect(document['resource']).toEqual({ terraform_data: { one: { input: { a: 'b' } } } });
    expect(JSON.stringify(document)).not.toContain('"//"');
  });

  it('finds blocks by type name and by the class of the bindings', () => {
    const stack = testStack();
    new FakeResource(stack, 'one', { a: 'b' });
    const synthesized = synthTerraform(stack);
    expect(synthesized.only(FakeResource)).toEqual(synthesized.only('terraform_data'));
    expect(synthesized.at('terraform_data.one')).toEqual({ input: { a: 'b' } });
    expect(synthesized.addresses()).toEqual(['terraform_data.one']);
    expect(synthesized.addresses('aws_vpc')).toEqual([]);
    expect(synthesized.data('aws_region')).toEqual([]);
  });

  it('refuses `only` when there are two or none, and lists what there is', () => {
    const stack = testStack();
    new FakeResource(stack, 'one', {});
    new FakeResource(stack, 'two', {});
    const synthesized = synthTerraform(stack);
    expect(() => synthesized.only('terraform_data')).toThrow(
      'expected exactly one terraform_data in stack test, found 2; resources: terraform_data.one, terraform_data.two',
    );
    expect(() => synthesized.only('aws_vpc')).toThrow('found 0');
  });

  it('runs the validations and the synthesizers of all stacks of the app', () => {
    const app = testApp();
    const first = new TerraformStack(app, 'first');
    const second = new TerraformStack(app, 'second');
    const construct = new Construct(second, 'bad');
    construct.node.addValidation({ validate: () => ['nothing here is right'] });
    expect(() => synthTerraform(first)).toThrow('nothing here is right');
  });

  it('reads outputs, providers and values that are known late', () => {
    const stack = testStack();
    const resource = new FakeResource(stack, 'one', { a: 'b' });
    new TerraformOutput(stack, 'late', { value: resource.output('a') });
    const synthesized = synthTerraform(stack);
    expect(synthesized.outputs['late']).toEqual({ value: '${terraform_data.one.output.a}' });
    expect(synthesized.providers).toEqual({});
  });

  it('leaves nothing on disk, whether synthesis succeeds, fails or is repeated', () => {
    const stack = testStack();
    const { outdir } = App.of(stack);
    expect(fs.existsSync(outdir)).toBe(true);
    synthTerraform(stack);
    expect(fs.existsSync(outdir)).toBe(false);
    synthTerraform(stack);
    expect(fs.existsSync(outdir)).toBe(false);
    stack.node.addValidation({ validate: () => ['no'] });
    expect(() => synthTerraform(stack)).toThrow('no');
    expect(fs.existsSync(outdir)).toBe(false);
  });

  it('keeps the output of an app that it did not make', () => {
    const outdir = fs.mkdtempSync(`${os.tmpdir()}/lnmt-own-`);
    const stack = new TerraformStack(new App({ outdir }), 'mine');
    synthTerraform(stack);
    expect(fs.existsSync(`${outdir}/stacks/mine/cdk.tf.json`)).toBe(true);
    fs.rmSync(outdir, { recursive: true });
  });
});

describe('synthApp', () => {
  it('returns all stacks and the text of every file', () => {
    const synthesized = synthApp((app) => {
      new TerraformStack(app, 'b');
      new TerraformStack(app, 'a');
    });
    expect(synthesized.stacks.map(({ name }) => name)).toEqual(['a', 'b']);
    expect([...synthesized.files.keys()]).toEqual(['manifest.json', 'stacks/a/cdk.tf.json', 'stacks/b/cdk.tf.json']);
    expect(() => synthesized.stack('c')).toThrow('no stack c; stacks: a, b');
  });

  it('removes its folder when the program throws', () => {
    let outdir = '';
    const build = (app: App): void => {
      outdir = app.outdir;
      throw new Error('a fault of the program');
    };
    expect(() => synthApp(build)).toThrow('a fault of the program');
    expect(outdir).not.toBe('');
    expect(fs.existsSync(outdir)).toBe(false);
  });
});

describe('renderObjects', () => {
  it('renders each record into plain objects in its namespace and layer', () => {
    const objects = renderObjects({
      addons: [],
      objects: [
        {
          id: 'settings',
          layer: '20-platform',
          namespace: 'models',
          define: (chart) =>
            new ApiObject(chart, 'map', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings' } }),
        },
      ],
    });
    expect(objects).toEqual([
      {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        name: 'settings',
        namespace: 'models',
        layer: '20-platform',
        part: 'settings',
        object: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings', namespace: 'models' } },
      },
    ]);
  });
});
