import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { parseManifests } from './manifests';
import { readDefinitions, StrictSchemas } from './strict-schemas';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'lnmt-strict-'));
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';
const QUANTITY = 'io.k8s.apimachinery.pkg.api.resource.Quantity';
const ref = (name: string): object => ({ $ref: `#/definitions/${name}` });
const definitions = {
  [META]: {
    type: 'object',
    properties: { name: { type: 'string' }, labels: { type: 'object', additionalProperties: { type: 'string' } } },
  },
  [QUANTITY]: { type: 'string' },
  'io.k8s.api.core.v1.Box': {
    type: 'object',
    required: ['spec'],
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: ref(META),
      spec: {
        type: 'object',
        properties: {
          port: { format: 'int-or-string', type: 'string' },
          limits: { type: 'object', additionalProperties: ref(QUANTITY) },
          mode: { type: 'string', enum: ['a'], nullable: true },
          share: { type: 'integer', minimum: 0, exclusiveMinimum: true },
          name: { type: 'string', pattern: '(?i)^[a-z]+$' },
        },
      },
    },
    'x-kubernetes-group-version-kind': [{ group: 'core.example.com', version: 'v1', kind: 'Box' }],
  },
};
const crd = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
spec:
  group: ops.example.com
  names: {kind: Job}
  versions:
  - name: v1
    served: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties:
              any: {type: object, x-kubernetes-preserve-unknown-fields: true, properties: {a: {type: string}}}
              count: {type: integer}
  - {name: v1beta1, served: false, schema: {openAPIV3Schema: {type: object}}}
`;
fs.writeFileSync(path.join(folder, 'v1.json'), JSON.stringify({ definitions }));
fs.mkdirSync(path.join(folder, 'crds'));
fs.writeFileSync(path.join(folder, 'crds/jobs.yaml'), crd);
const schemas = new StrictSchemas(path.join(folder, 'v1.json'), readDefinitions(path.join(folder, 'crds')));

const box = (spec: string): string =>
  `{apiVersion: core.example.com/v1, kind: Box, metadata: {name: a}, spec: ${spec}}`;
const job = (spec: string): string =>
  `{apiVersion: ops.example.com/v1, kind: Job, metadata: {name: a, labels: {a: b}}, spec: ${spec}}`;
const judge = (yaml: string): string[] => parseManifests(yaml, 'f').flatMap((manifest) => schemas.check(manifest));

describe('the strict check of manifests against published schemas', () => {
  test.each([
    box('{port: 80, limits: {cpu: "1"}, mode: null, share: 1, name: ABC}'),
    box('{port: http}'),
    job('{any: {b: 1}, count: 2}'),
  ])('accepts %s', (yaml) => {
    expect(judge(yaml)).toEqual([]);
  });

  test.each([
    [
      'an unknown field',
      box('{prot: 80}'),
      "core.example.com/v1 Box a (f) /spec: must NOT have additional properties 'prot'",
    ],
    [
      'a quantity that is a number',
      box('{limits: {cpu: 1}}'),
      'core.example.com/v1 Box a (f) /spec/limits/cpu: must be string',
    ],
    [
      'a value outside its enumeration',
      box('{mode: b}'),
      'core.example.com/v1 Box a (f) /spec/mode: must be equal to one of the allowed values',
    ],
    ['a value on an exclusive bound', box('{share: 0}'), 'core.example.com/v1 Box a (f) /spec/share: must be > 0'],
    [
      'a text that misses its pattern',
      box('{name: "1"}'),
      'core.example.com/v1 Box a (f) /spec/name: must match pattern "(?i)^[a-z]+$"',
    ],
    [
      'an unknown field of a custom kind',
      job('{cuont: 2}'),
      "ops.example.com/v1 Job a (f) /spec: must NOT have additional properties 'cuont'",
    ],
    [
      'a version that is not served',
      '{apiVersion: ops.example.com/v1beta1, kind: Job, metadata: {name: a}}',
      'ops.example.com/v1beta1 Job a (f): no such kind is served',
    ],
  ])('refuses %s', (_, yaml, fault) => {
    expect(judge(yaml)).toEqual([fault]);
  });
});
