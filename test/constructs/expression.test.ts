import { Fn, Op, TerraformOutput, TerraformVariable, Token } from 'cdktf';
import fc from 'fast-check';
import { synthTerraform, testStack } from 'lnmt/testing';
import { describe, expect, it } from 'vitest';
import { asExpression } from '../../constructs/expression';
import { AWKWARD_DATA, readArgument } from '../support/terraform-expression';
import type { Json } from '../support/terraform-json';

/** What Terraform reads where a program gives a value. */
function written(value: (tokens: { text: string; count: number; list: string[] }) => unknown): string {
  const stack = testStack();
  const host = new TerraformVariable(stack, 'host', {});
  const tokens = { text: host.stringValue, count: host.numberValue, list: host.listValue };
  new TerraformOutput(stack, 'out', { value: value(tokens) });
  return synthTerraform(stack).outputs['out']?.['value'] as string;
}

const encoded = (data: unknown): string => written(() => Fn.yamlencode(asExpression(data)));

describe('asExpression', () => {
  it.each(Object.entries(AWKWARD_DATA))('keeps %s as they are', (name, value) => {
    expect(readArgument(encoded({ [name]: value }))).toEqual({ [name]: value });
  });

  it('keeps any data as it is', () => {
    const text = fc.oneof(fc.string({ unit: 'grapheme' }), fc.string({ unit: fc.constantFrom(...'${}%"\\n\n') }));
    const data = fc.jsonValue({ maxDepth: 2, stringUnit: 'grapheme' });
    fc.assert(
      fc.property(fc.dictionary(text, fc.oneof(text, data)), (given) => {
        const plain = JSON.parse(JSON.stringify(given)) as Json;
        expect(readArgument(encoded(plain))).toEqual(plain);
      }),
      { numRuns: 50, seed: 1 },
    );
  });

  it('puts references where tokens stand, alone, inside a text and in a key', () => {
    const text = written(({ text, count, list }) =>
      Fn.yamlencode(asExpression({ text, count, list, url: `"${text}:${count}" \${x}`, [`${text}/"key"`]: 1 })),
    );
    expect(text).toBe(
      '${yamlencode({"text" = var.host, "count" = var.host, "list" = var.host, ' +
        '"url" = "\\"${var.host}:${var.host}\\" $${x}", "${var.host}/\\"key\\"" = 1})}',
    );
    expect(readArgument(text, { 'var.host': 'h' })).toMatchObject({ url: '"h:h" ${x}', 'h/"key"': 1 });
  });

  it('leaves out what is undefined, as JSON does', () => {
    expect(encoded({ a: undefined, b: 1 })).toBe('${yamlencode({"b" = 1})}');
  });

  it('keeps an empty text on the right of an operator', () => {
    expect(written(({ text }) => Op.neq(text, asExpression('')))).toBe('${(var.host != "")}');
  });

  it('serves as a text of a function', () => {
    const call = written(() => Fn.jsonencode(Token.asString(asExpression('a "b" ${c}'))));
    expect(readArgument(call)).toBe('a "b" ${c}');
  });
});
