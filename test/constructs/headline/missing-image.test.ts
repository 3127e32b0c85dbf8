import { describe, expect, it } from 'vitest';
import { Images, InferenceEndpoint } from 'lnmt';
import { AwsCloud, EcrRegistry } from 'lnmt/aws';
import { FakeCloud, synthApp, testStack } from 'lnmt/testing';
import type { JsonObject } from 'lnmt/testing';
import { auth, digests, images, model, site, twoStacks } from './support';

/** Conditions on the first release of the workloads. */
function preconditions(cloud: ConstructorParameters<typeof AwsCloud>[0] | FakeCloud, chosen: Images): string[] {
  const app = synthApp((root) => {
    const { workloads, platform } = twoStacks(root, cloud instanceof FakeCloud ? cloud : new AwsCloud(cloud));
    new InferenceEndpoint(workloads, 'digits', { platform, model, auth, images: chosen });
  });
  return app
    .stack('ml-workloads')
    .resources('helm_release')
    .flatMap((release) => {
      const lifecycle = release['lifecycle'] as JsonObject | undefined;
      return ((lifecycle?.['precondition'] ?? []) as readonly JsonObject[]).map((check) => JSON.stringify(check));
    });
}

describe('an image that is not in the registry of the platform', () => {
  it('stops everything before anything is installed, with a coded message', () => {
    const [image] = preconditions(new FakeCloud(), Images.fromPlatform(digests)).filter((text) =>
      text.includes('LNMT1019'),
    );
    expect(image).toContain('image inference is not in the registry of the platform');
    expect(image).toContain(digests['inference']);
    expect(image).toContain('lnmt images push');
  });

  it('is found by its digest in the list of its ECR repository', () => {
    const [image] = preconditions({ region: 'eu-west-1' }, Images.fromPlatform(digests)).filter((text) =>
      text.includes('LNMT1019'),
    );
    expect(image).toContain('strcontains(jsonencode(data.aws_ecr_images.');
    expect(image).toContain(digests['inference']);
  });

  it('is not looked for in a registry that is somebody else’s', () => {
    expect(preconditions({ region: 'eu-west-1' }, images).filter((text) => text.includes('LNMT1019'))).toEqual([]);
  });

  it('cannot be looked for on-premises, where the registry may be out of reach of whoever deploys', () => {
    const app = synthApp((root) => {
      const { workloads, platform } = twoStacks(root, site());
      new InferenceEndpoint(workloads, 'digits', { platform, model, auth, images: Images.fromPlatform(digests) });
    });
    expect(JSON.stringify(app.stack('ml-workloads').document)).not.toContain('LNMT1019');
  });

  it('is looked for below the prefix of an adopted registry', () => {
    const stack = testStack();
    const registry = EcrRegistry.fromPrefix(stack, 'registry', {
      registryPrefix: '111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/ml',
    });
    const check = registry.imageExists(
      stack,
      'image',
      { repository: 'inference', digest: digests['inference'] ?? '' },
      'gone',
    );
    expect(check?.message).toBe('gone');
    expect(stack.node.findChild('image')).toMatchObject({ repositoryNameInput: 'team/ml/inference' });
  });
});
