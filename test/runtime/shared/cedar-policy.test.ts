import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { IMAGE_FEATURE_NAMES, IMAGE_FEATURES } from '../../../runtime/contract';
import type { Principal, Scope } from '../../../runtime/shared/api-keys';
import { CedarPolicy } from '../../../runtime/shared/cedar-policy';
import { loadOptional } from '../../../runtime/shared/optional-package';

const caller = (id: string, scopes: readonly Scope[], claims?: Record<string, unknown>): Principal => ({
  ...{ id, scopes: new Set(scopes), method: claims ? 'jwt' : 'api-key' },
  ...(claims ? { claims } : {}),
});
const INFER = { operation: 'ModelInfer', access: 'infer', model: 'digits', version: '3' } as const;
const LOAD = { operation: 'RepositoryModelLoad', access: 'manage', model: 'digits' } as const;

const create = (text: string): Promise<CedarPolicy> => CedarPolicy.create(text, 'A_SETTING');

describe('a policy', () => {
  it('lets a scope be enough when it says nothing', async () => {
    const policy = await create('');
    expect(policy.allows(caller('a', ['infer']), INFER)).toBe(true);
    expect(policy.allows(caller('a', ['read']), INFER)).toBe(false);
    expect(policy.allows(caller('a', []), LOAD)).toBe(false);
  });

  it('may forbid what a scope allows, and a permit does not change that', async () => {
    const policy = await create(`
      forbid (principal, action == LNMT::Action::"ModelInfer", resource == LNMT::Model::"digits")
        unless { principal == LNMT::Caller::"vip" };
      permit (principal, action, resource);`);
    expect(policy.allows(caller('a', ['infer']), INFER)).toBe(false);
    expect(policy.allows(caller('a', ['infer']), { ...INFER, model: 'other' })).toBe(true);
    expect(policy.allows(caller('vip', ['infer']), INFER)).toBe(true);
  });

  it('may permit by claims and by groups of operations', async () => {
    const policy = await create(`
      permit (principal, action in LNMT::Action::"manage", resource)
        when { principal.claims has roles && principal.claims.roles.contains("operator") };`);
    expect(policy.allows(caller('a', [], { roles: ['operator'] }), LOAD)).toBe(true);
    expect(policy.allows(caller('a', [], { roles: ['guest'] }), LOAD)).toBe(false);
    expect(policy.allows(caller('a', [], {}), LOAD)).toBe(false);
    expect(policy.allows(caller('a', [], { roles: ['operator'] }), INFER)).toBe(false);
  });

  it('of the README forbids one caller one version, and nothing else', async () => {
    const readme = path.resolve(__dirname, '../../../runtime/inference/operations/README.md');
    const policy = await create(/^```\n(forbid[^]*?)^```$/m.exec(fs.readFileSync(readme, 'utf8'))?.[1] ?? 'none');
    expect(policy.allows(caller('me', ['infer']), { ...INFER, version: '4' })).toBe(false);
    expect(policy.allows(caller('me', ['infer']), INFER)).toBe(true);
    expect(policy.allows(caller('me', ['infer']), { operation: 'ModelInfer', access: 'infer' })).toBe(true);
    expect(policy.allows(caller('you', ['infer']), { ...INFER, version: '4' })).toBe(true);
  });

  it('forbids where it cannot be evaluated', async () => {
    const policy = await create('forbid (principal, action, resource) when { principal.claims.tier == "free" };');
    expect(policy.allows(caller('a', ['infer'], { tier: 'paid' }), INFER)).toBe(true);
    expect(policy.allows(caller('a', ['infer'], { tier: 'free' }), INFER)).toBe(false);
    expect(policy.allows(caller('a', ['infer'], {}), INFER)).toBe(false);
  });

  it('takes no claim for an entity, and leaves out what it has no value for', async () => {
    const policy = await create(`
      permit (principal, action, resource) when { principal.claims has boss && principal.claims.boss == LNMT::Caller::"root" };`);
    const boss = { __entity: { type: 'LNMT::Caller', id: 'root' } };
    expect(policy.allows(caller('a', [], { boss }), INFER)).toBe(false);
    expect(policy.allows(caller('a', ['infer'], { x: null, y: 1.5, z: { q: [null, 1] }, boss }), INFER)).toBe(true);
  });

  it('takes names as names, whatever letters they have', async () => {
    const policy = await create('permit (principal == LNMT::Caller::"root", action, resource);');
    expect(policy.allows(caller('root" || true || "', []), INFER)).toBe(false);
    expect(policy.allows(caller('root', []), INFER)).toBe(true);
  });

  it('that is none is refused, with what is wrong', async () => {
    await expect(create('permit (principal, action')).rejects.toThrow(/^LNMT8104: the policy file cannot be used: .+/);
  });
});

describe('a package that is not there', () => {
  it('is named together with the setting that needs it', async () => {
    const absent = Object.assign(new Error("Cannot find package '@x/y' imported from z"), {
      code: 'ERR_MODULE_NOT_FOUND',
    });
    const load = loadOptional(() => Promise.reject(absent), '@x/y', 'A_SETTING');
    await expect(load).rejects.toThrow(
      'LNMT8103: an optional package is not installed: A_SETTING needs @x/y; run npm install @x/y',
    );
    await expect(load).rejects.not.toThrow('lnmt images build');
    await expect(loadOptional(() => Promise.reject(new Error('broken')), '@x/y', 'S')).rejects.toThrow('broken');
  });

  it.each(IMAGE_FEATURE_NAMES)('is named with how to build an image that has the feature %s', async (feature) => {
    for (const name of IMAGE_FEATURES[feature]) {
      const absent = Object.assign(new Error(`Cannot find package '${name}'`), { code: 'ERR_MODULE_NOT_FOUND' });
      const list = ['s3', 'grpc'].includes(feature) ? 's3,grpc' : `s3,grpc,${feature}`;
      await expect(loadOptional(() => Promise.reject(absent), name, 'A_SETTING')).rejects.toThrow(
        `A_SETTING needs ${name}; run npm install ${name}, or \`lnmt images build --only inference --features ${list}\` for`,
      );
    }
  });
});
