import { deepStrictEqual } from 'node:assert';
import fs from 'node:fs';
import path from 'node:path';
import { Fn, TerraformOutput } from 'cdktf';
import { parse } from 'yaml';
import { asExpression } from '../../constructs/expression';
import { synthTerraform, testStack } from '../../constructs/testing';
import { synthesizeExamples } from '../support/examples';
import { AWKWARD_DATA } from '../support/terraform-expression';
import { blocksOf, readTerraform, stacksOf } from '../support/terraform-json';
import type { Json, JsonObject, TerraformDocument } from '../support/terraform-json';
import { findProgram, run, runOk } from './processes';
import { noFaults, Skip } from './suite';
import type { Checks, Suite } from './suite';

/** What every reference is replaced by: known to Terraform itself, and of any type until it is applied. */
const STUB = 'terraform_data.stub.output';

/** Real Terraform, without any provider, evaluates every expression of every stack: an absent provider binary hides none. */
export const terraformExpressions: Suite = {
  name: 'terraform-expressions',
  timeoutMinutes: 10,
  run: async (checks: Checks) => {
    const program = findProgram('terraform') ?? findProgram('tofu');
    if (!program) throw new Skip('neither terraform nor tofu is on the PATH');
    await checks.check('awkward data evaluates to itself', () => evaluateAwkward(program, checks.folder));
    for (const { name, outdir } of await synthesizeExamples())
      for (const stack of stacksOf(outdir)) {
        const found = expressionsOf(readTerraform(stack.file));
        await checks.check(`${name}/${stack.name}: ${found.length} expression(s)`, () =>
          validate(program, path.join(checks.folder, `${name}-${stack.name}`), found),
        );
      }
  },
};

/** One text that Terraform reads as a template. */
interface Expression {
  /** Where it stands, such as `resource.helm_release.x.values.0`. */
  readonly place: string;
  /** Its references stubbed. */
  readonly text: string;
}

function expressionsOf(document: TerraformDocument): Expression[] {
  const references = blocksOf(document).map(({ address }) => address.replaceAll('.', '\\.'));
  const known = new RegExp(`\\b(?:${[...references, 'var\\.\\w+', 'local\\.\\w+', 'self'].join('|')})\\b`, 'g');
  const found: Expression[] = [];
  const walk = (value: Json, place: string): void => {
    if (typeof value === 'object' && value !== null) {
      for (const [key, item] of Object.entries(value)) walk(item, place === '' ? key : `${place}.${key}`);
    } else if (typeof value === 'string' && /[$%]\{/.test(value)) {
      found.push({ place, text: value.replace(known, STUB) });
    }
  };
  walk(document as Json, '');
  return found;
}

/** One local value a line, so that a diagnostic tells by its line which it is about. */
async function validate(program: string, folder: string, found: readonly Expression[]): Promise<void> {
  const locals = Object.fromEntries(found.map(({ text }, index) => [`x${index}`, text]));
  await initialize(program, folder, { locals, resource: { terraform_data: { stub: { input: 'x' } } } });
  const { stdout } = await run(program, ['validate', '-json', '-no-color'], { cwd: folder });
  const { diagnostics } = JSON.parse(stdout) as {
    readonly diagnostics: readonly {
      readonly summary: string;
      readonly detail: string;
      readonly range?: { readonly start: { readonly line: number } };
    }[];
  };
  noFaults(
    diagnostics.map(({ summary, detail, range }) => {
      const place = found[(range?.start.line ?? 0) - FIRST_LINE]?.place ?? 'unknown place';
      return `${place}: ${summary}: ${detail}`;
    }),
  );
}

/** Line of the first local value in `{ "locals": { …`. */
const FIRST_LINE = 3;

async function evaluateAwkward(program: string, folder: string): Promise<void> {
  const stack = testStack();
  new TerraformOutput(stack, 'json', { value: Fn.jsonencode(asExpression(AWKWARD_DATA)) });
  new TerraformOutput(stack, 'yaml', { value: Fn.yamlencode(asExpression(AWKWARD_DATA)) });
  const own = path.join(folder, 'awkward');
  await initialize(program, own, { output: synthTerraform(stack).outputs });
  await runOk(program, ['apply', '-auto-approve', '-no-color'], { cwd: own });
  const { json, yaml } = JSON.parse(await runOk(program, ['output', '-json'], { cwd: own })) as Record<
    'json' | 'yaml',
    { readonly value: string }
  >;
  deepStrictEqual(JSON.parse(json.value), AWKWARD_DATA);
  deepStrictEqual(parse(yaml.value), AWKWARD_DATA);
}

async function initialize(program: string, folder: string, document: JsonObject): Promise<void> {
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, 'main.tf.json'), JSON.stringify(document, undefined, 1));
  await runOk(program, ['init', '-no-color'], { cwd: folder });
}
