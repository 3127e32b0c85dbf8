import { App, DataResource, TerraformStack } from 'cdktf';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import fc from 'fast-check';
import { parse } from 'yaml';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LateBinding } from '../../../constructs/delivery/late-binding';
import type { ManifestObject } from '../../../constructs/delivery/late-binding';
import { FLUX_DIALECT, HELM_DIALECT, expandTemplate, objectText } from '../../../constructs/delivery/template';

const outdir = fs.mkdtempSync(path.join(os.tmpdir(), 'lnmt-template-'));
afterAll(() => fs.rmSync(outdir, { recursive: true, force: true }));

let stack: TerraformStack;
let resources: DataResource[];
beforeAll(() => {
  stack = new TerraformStack(new App({ outdir }), 's');
  resources = ['a', 'b', 'c'].map((id) => new DataResource(stack, id));
});

/** A text with marks where the attribute of a resource goes. */
const text = fc.array(
  fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('{{', '}}', '${', '$${', '"', '\\', '\n', ': ', '#', '%s', 0, 1, 2),
  ),
);

function object(value: unknown): ManifestObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x' }, data: { value } };
}

function parsed(yaml: string): unknown {
  return (parse(yaml, { version: '1.1' }) as { data: { value: unknown } }).data.value;
}

describe('expandTemplate', () => {
  test('gives back every text that the Helm dialect wrote, with the values in place', () => {
    fc.assert(
      fc.property(text, fc.tuple(fc.string(), fc.string(), fc.string()), (pieces, values) => {
        const literal = pieces.some(
          (piece) =>
            typeof piece === 'string' &&
            /[\uD800-\uDFFF\u0000-\u0008\u000b-\u001f\u007f-\u009f\ufeff\ufffe\uffff]/.test(piece),
        );
        fc.pre(!literal);
        const written = pieces
          .map((piece) => (typeof piece === 'number' ? resources[piece]?.getStringAttribute('output') : piece))
          .join('');
        const expected = pieces
          .map((piece) => (typeof piece === 'number' ? values[piece as 0 | 1 | 2] : piece))
          .join('');
        const binding = new LateBinding(stack);
        const rendered = objectText(stack, object(written), binding, HELM_DIALECT);
        const byName = Object.fromEntries(
          rendered.values.map((name) => [
            name,
            values[['a', 'b', 'c'].findIndex((id) => name.includes(`data_${id}_`) || name.includes(`data${id}`))] ?? '',
          ]),
        );
        const yaml = expandTemplate(rendered.text, byName, (name) => {
          throw new Error(name);
        });
        expect(parsed(yaml)).toBe(expected);
      }),
      { numRuns: 300 },
    );
  });

  test('asks for a value that is missing', () => {
    const rendered = objectText(
      stack,
      object(resources[0]?.getStringAttribute('output')),
      new LateBinding(stack),
      HELM_DIALECT,
    );
    const asked: string[] = [];
    expandTemplate(rendered.text, {}, (name) => {
      asked.push(name);
      return 'x';
    });
    expect(asked).toEqual(rendered.values);
  });
});

describe('the Flux dialect', () => {
  test('writes late-bound values as variables and escapes literal ones', () => {
    const token = resources[0]?.getStringAttribute('output') ?? '';
    const rendered = objectText(stack, object(`${token} and \${HOME} {{ x }}`), new LateBinding(stack), FLUX_DIALECT);
    expect(rendered.text).toContain(`"\${${rendered.values[0]}} and $\${HOME} {{ x }}"`);
  });

  test('escapes literal variables of objects without late-bound values too', () => {
    expect(objectText(stack, object('${HOME}'), new LateBinding(stack), FLUX_DIALECT).text).toContain('$${HOME}');
  });
});
