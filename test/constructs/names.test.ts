import { TerraformVariable } from 'cdktf';
import { testStack } from 'lnmt/testing';
import { expect, it } from 'vitest';
import { KUBERNETES_NAMES, legalName } from '../../constructs/names';

const { label } = KUBERNETES_NAMES;

it.each([
  [['ml', 'models'], 'ml-models'],
  [['my-ml', 'models'], 'my-ml-models'],
  [['a1'], 'a1'],
])('leaves %j alone', (parts, name) => {
  expect(legalName(label, parts)).toBe(name);
});

it.each([
  [['ML'], /^ml-[0-9a-f]{10}$/],
  [['ml', 'my-models'], /^ml-my-models-[0-9a-f]{10}$/],
  [['1st'], /^x-1st-[0-9a-f]{10}$/],
  [['été'], /^t-[0-9a-f]{10}$/],
  [['x'.repeat(80)], /^x{52}-[0-9a-f]{10}$/],
  [['ml-0123456789'], /^ml-0123456789-[0-9a-f]{10}$/],
])('makes %j legal and unique', (parts, name) => {
  expect(legalName(label, parts)).toMatch(name);
  expect(legalName(label, parts).length).toBeLessThanOrEqual(63);
});

it('uses the separator and the letters of the rule', () => {
  expect(legalName({ maxLength: 30, separator: '_' }, ['ml', 'models'])).toBe('ml_models');
  expect(legalName({ maxLength: 30, upperCase: true }, ['ML'])).toBe('ML');
  expect(legalName({ maxLength: 24, separator: '' }, ['ml', 'models'])).toMatch(/^mlmodels[0-9a-f]{10}$/);
  expect(legalName({ maxLength: 30, letterFirst: false }, ['1st'])).toBe('1st');
});

it.each(['', '  ', '---', '日本', '🙂'])('refuses %j, which leaves nothing to work with', (part) => {
  expect(() => legalName(label, ['ml', part], testStack())).toThrow(
    `LNMT1001 [test]: name must hold at least one letter or digit; got ${JSON.stringify(part)}; choose another name`,
  );
});

it('refuses a token, whose number would become part of the name', () => {
  const late = new TerraformVariable(testStack(), 'name', {}).stringValue;
  expect(() => legalName(label, [late])).toThrow('LNMT1004: name must be known when the program runs');
});
