import { Fn, TerraformVariable, Token } from 'cdktf';
import { Construct } from 'constructs';
import { testStack } from 'lnmt/testing';
import { describe, expect, it } from 'vitest';
import { literal, oneOf, ordered, wholeNumber } from '../../constructs/checks';

const scope = new Construct(testStack(), 'ml');

describe('wholeNumber', () => {
  it('returns a number inside its range, the bounds included', () => {
    const range = { min: 1, max: 3 };
    expect([1, 3].map((value) => wholeNumber(scope, 'zones', value, range))).toEqual([1, 3]);
  });

  it.each([0, 4, 1.5, Number.NaN, Number.POSITIVE_INFINITY])(
    'refuses %s with property, value, range and remedy',
    (value) => {
      expect(() => wholeNumber(scope, 'zones', value, { min: 1, max: 3, unit: 'zones' })).toThrow(
        `LNMT1002 [test/ml]: zones is out of range; got ${value} zones; ` +
          'allowed: whole numbers from 1 to 3 zones; set zones inside that range',
      );
    },
  );

  it('refuses a number below a range without an end', () => {
    expect(() => wholeNumber(undefined, 'maxNodes', 0, { min: 1 })).toThrow(
      'LNMT1002: maxNodes is out of range; got 0; allowed: whole numbers from 1; set maxNodes inside that range',
    );
  });

  it('refuses a token, which would pass as a very large negative number', () => {
    const late = new TerraformVariable(testStack(), 'nodes', {}).numberValue;
    expect(() => wholeNumber(scope, 'maxNodes', late, { min: 1 })).toThrow(
      'LNMT1004 [test/ml]: maxNodes must be known when the program runs; got a value that only Terraform knows',
    );
  });
});

describe('ordered', () => {
  it('accepts bounds that are equal', () => {
    expect(() => ordered(scope, ['minNodes', 2], ['maxNodes', 2])).not.toThrow();
  });

  it('refuses a lower bound above the upper one and names both', () => {
    expect(() => ordered(scope, ['minNodes', 5], ['maxNodes', 2])).toThrow(
      'LNMT1003 [test/ml]: minNodes is above maxNodes; got minNodes 5 and maxNodes 2; ' +
        'allowed: minNodes at most maxNodes; lower minNodes or raise maxNodes',
    );
  });
});

describe('literal', () => {
  it('returns what is known', () => {
    expect(literal(scope, 'cidr', '10.0.0.0/16')).toBe('10.0.0.0/16');
  });

  it.each([
    ['a whole token', Token.asString(Fn.upper('x'))],
    ['a token inside a text', `a-${Token.asString(Fn.upper('x'))}`],
    ['a list token', Token.asList(Fn.split(',', 'a,b'))],
  ])('refuses %s and says how to give the value', (_, value) => {
    expect(() => literal(scope, 'cidr', value)).toThrow(
      'allowed: a literal; write the value of cidr into the program, or read it from a file or the environment in main.ts',
    );
  });
});

describe('oneOf', () => {
  it('returns the choice', () => {
    expect(oneOf(scope, 'environment', 'staging', ['production', 'staging'])).toBe('staging');
  });

  it('refuses anything else and lists the choices', () => {
    expect(() => oneOf(scope, 'environment', 'prod', ['production', 'staging'])).toThrow(
      'LNMT1016 [test/ml]: environment is not one of the choices; got "prod"; allowed: production, staging; set environment to one of these',
    );
  });
});
