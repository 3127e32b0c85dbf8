import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { chartsOf, gitopsManifests, manifestsOf, referencedValues, releasesOf, renderChart } from './charts';
import { renderTemplate } from './go-template';

const outdir = fs.mkdtempSync(path.join(os.tmpdir(), 'lnmt-charts-'));
afterAll(() => fs.rmSync(outdir, { recursive: true, force: true }));

function write(file: string, text: string): void {
  fs.mkdirSync(path.dirname(path.join(outdir, file)), { recursive: true });
  fs.writeFileSync(path.join(outdir, file), text);
}

const chart = `stacks/ml-workloads/charts/ml-apps-0123456789abcdef`;
write(`${chart}/Chart.yaml`, 'apiVersion: v2\nname: ml-apps\nversion: 0.1.0\n');
write(`${chart}/values.yaml`, 'late:\n  roleArn: null\nkept: yes indeed\n');
write(
  `${chart}/templates/0.yaml`,
  'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  role: {{ .Values.late.roleArn | toJson }}\n  other: {{ index .Values "with-dash" | quote }}\n  rule: "{{ "{{" }} $labels.pod }}"\n',
);
write(
  'stacks/ml-workloads/cdk.tf.json',
  JSON.stringify({
    resource: { helm_release: { b: { name: 'b', depends_on: ['helm_release.a'] }, a: { name: 'a' } } },
  }),
);
write(
  'gitops/site/apps/0.yaml',
  'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: apps}\ndata: {net: "${subnet}", text: "$${x}"}\n',
);
write('stacks/site/lnmt.json', JSON.stringify({ mode: 'flux', values: { subnet: '${aws_subnet.a.id}' } }));
write('gitops/site/apps/kustomization.yaml', 'resources: [0.yaml]\n');

describe('the reader of synthesized charts', () => {
  test('finds charts, the stack that owns them and the release without its hash', () => {
    expect(chartsOf(outdir)).toMatchObject([
      { owner: 'ml-workloads', release: 'ml-apps', values: { kept: 'yes indeed' } },
    ]);
  });

  test('renders a chart with samples for what is bound late', () => {
    const [found] = chartsOf(outdir);
    expect(found && referencedValues(found)).toEqual([['late', 'roleArn'], ['with-dash']]);
    expect(found && renderChart(found).map((m) => m.object['data'])).toEqual([
      { role: 'arn:aws:iam::111122223333:role/sample', other: 'sample', rule: '{{ $labels.pod }}' },
    ]);
  });

  test('reads GitOps trees without their kustomizations, and counts both sources together', () => {
    expect(gitopsManifests(outdir).map((m) => m.source)).toEqual(['gitops/site/apps/0.yaml']);
    expect(manifestsOf(outdir)).toHaveLength(2);
  });

  test('substitutes in Flux trees as Flux does', () => {
    const expected = { net: 'subnet-0123456789abcdef0', text: '${x}' };
    expect(gitopsManifests(outdir).map((m) => m.object['data'])).toEqual([expected]);
  });

  test('orders releases as Terraform would install them', () => {
    expect(releasesOf(outdir).map((release) => release.name)).toEqual(['a', 'b']);
  });
});

describe('the template renderer', () => {
  const values = { text: 'a: "b"\n<{{ç', number: 3, map: { b: [1], a: null } };

  test.each([
    ['{{ .Values.text | toJson }}', '"a: \\"b\\"\\n\\u003c{{ç"'],
    ['{{ toJson .Values.map }}', '{"a":null,"b":[1]}'],
    ['x {{- " y " -}} z', 'x y z'],
    ['{{ "{{" }} .Release.Name }}', '{{ .Release.Name }}'],
    ['{{ `{{` }}', '{{'],
    ['{{ .Values.number }}{{/* nothing */}}', '3'],
    ['{{ .Values.none | default "d" | quote }}', '"d"'],
    ['{{ .Values.number | toString | b64enc | squote }}', "'Mw=='"],
    ['{{ print "a|b (" (toString .Values.number) ") c" | toJson }}', '"a|b (3) c"'],
    ['a:{{ .Values.number | nindent 2 }}', 'a:\n  3'],
  ])('renders %s', (template, rendered) => {
    expect(renderTemplate(template, values)).toBe(rendered);
  });

  test.each([
    ['{{ .Values.none }}', 'has no value'],
    ['{{ .Values.map }}', 'would print a list or a map'],
    ['{{ .Release.Name }}', 'cannot evaluate'],
    ['{{ .Values.text | upper }}', 'unknown function upper'],
    ['{{ required "say it" .Values.none }}', 'say it'],
  ])('refuses %s', (template, message) => {
    expect(() => renderTemplate(template, values)).toThrow(message);
  });
});
