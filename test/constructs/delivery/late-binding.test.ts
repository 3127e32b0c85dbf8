import { Fn, Token } from 'cdktf';
import { ApiObject } from 'cdk8s';
import { describe, expect, test } from 'vitest';
import { configMap, objects, synthesize } from './support';

function configMapText(data: Record<string, unknown> | ((token: () => string) => Record<string, unknown>)): string {
  const output = synthesize(({ workloads, token }) => {
    workloads.add(workloads, { addons: [], objects: [configMap(typeof data === 'function' ? data(token) : data)] });
  });
  return output.file(/templates\/configmap-/);
}

const VALUE = 'terraform_data_bucket_output';

describe('a Terraform token inside a manifest', () => {
  test('becomes a chart value where it is a whole string', () => {
    expect(configMapText((token) => ({ bucket: token() }))).toContain(
      `bucket: {{ print (toString .Values.${VALUE}) | toJson }}`,
    );
  });

  test('becomes a chart value inside a longer string, whose literal parts are quoted', () => {
    expect(configMapText((token) => ({ url: `https://${token()}/a:"b"` }))).toContain(
      `url: {{ print "https://" (toString .Values.${VALUE}) "/a:\\"b\\"" | toJson }}`,
    );
  });

  test('is identified by its expression: two reads of one attribute are one value', () => {
    const text = configMapText((token) => ({ a: token(), b: token() }));
    expect(text.match(new RegExp(`\\.Values\\.${VALUE}\\b`, 'g'))).toHaveLength(2);
  });

  test('gives different expressions different values, also where their names would be the same', () => {
    const text = configMapText((token) => {
      const value = token();
      return { a: Fn.upper(value), b: Fn.upper(Fn.lower(value)), c: value };
    });
    const names = [...text.matchAll(/\.Values\.(\w+)/g)].map((match) => match[1]);
    expect(new Set(names).size).toBe(3);
  });

  test('works as element of a list of strings and as value of a map', () => {
    const text = configMapText((token) => ({ list: [token(), 'x'], map: { deep: { er: token() } } }));
    expect(text).toContain(`- {{ print (toString .Values.${VALUE}) | toJson }}`);
    expect(text).toContain(`er: {{ print (toString .Values.${VALUE}) | toJson }}`);
  });

  test.each([
    ['number', (token: () => string) => ({ n: Token.asNumber(token()) }), 'data.n', 'number'],
    ['list', (token: () => string) => ({ l: Token.asList(Fn.split(',', token())) }), 'data.l', 'list'],
    ['map', (token: () => string) => ({ m: Token.asStringMap(Fn.jsondecode(token())) }), 'data.m', 'map'],
    ['map key', (token: () => string) => ({ [token()]: 'x' }), 'data', 'map key'],
  ] as const)('refuses a %s token, naming field and object', (_kind, data, field, what) => {
    expect(() => configMapText(data)).toThrow(
      new RegExp(`LNMT4001 .*ConfigMap apps/settings: ${field} holds .*a token as ${what}.*`),
    );
  });

  test.each(['name', 'namespace'])('refuses a token in metadata.%s', (field) => {
    expect(() =>
      synthesize(({ workloads, token }) => {
        const define = objects((chart) => {
          const metadata = { name: 'x', namespace: 'y', [field]: token() };
          new ApiObject(chart, 'o', { apiVersion: 'v1', kind: 'ConfigMap', metadata });
        });
        workloads.add(workloads, { addons: [], objects: [define] });
      }),
    ).toThrow(
      new RegExp(`LNMT4001 .*metadata\\.${field} holds a value that only Terraform knows; got a token as name`),
    );
  });
});

describe('literal template syntax', () => {
  test('in a manifest is escaped for Helm', () => {
    expect(configMapText({ rule: '{{ $labels.pod }} is ${VALUE}' })).toContain(
      'rule: "{{ "{{" }} $labels.pod }} is ${VALUE}"',
    );
  });
});
