import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { INFERENCE_ENV } from '../../../runtime/contract';
import type { EnvVariable } from '../../../runtime/contract';

const SETTINGS = fs.readFileSync(path.resolve(__dirname, '../../../runtime/inference/SETTINGS.md'), 'utf8');

describe('the table of settings', () => {
  it('is that of the contract', () => {
    const rows = Object.values<EnvVariable>(INFERENCE_ENV).map(({ name, default: value, optional, doc }) => {
      const unset = optional ? '' : 'required';
      return `| \`${name}\` | ${value === undefined ? unset : `\`${value}\``} | ${doc} |`;
    });
    expect(SETTINGS.split('\n').filter((line) => line.startsWith('| `'))).toEqual(rows);
  });
});
