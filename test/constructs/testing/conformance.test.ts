import { ApiObject } from 'cdk8s';
import { Op } from 'cdktf';
import { Construct } from 'constructs';
import { conformance, FakeCloud, FakeResource } from 'lnmt/testing';
import { describe, expect, it } from 'vitest';
import type { ICloud } from '../../../constructs/cloud/cloud';

/** Names of the checks that a cloud fails, with the messages. */
function failures(make: () => ICloud): Record<string, string> {
  const failed: Record<string, string> = {};
  for (const check of conformance(make)) {
    try {
      check.run();
    } catch (error) {
      failed[check.name] = (error as Error).message;
    }
  }
  return failed;
}

function faulty(change: (cloud: FakeCloud) => Partial<ICloud>): () => ICloud {
  return () => {
    const cloud = new FakeCloud();
    return {
      name: cloud.name,
      gaps: cloud.gaps,
      nodeShapes: cloud.nodeShapes,
      compute: cloud.compute,
      storage: cloud.storage,
      data: cloud.data,
      security: cloud.security,
      operations: cloud.operations,
      bind: () => undefined,
      ...change(cloud),
    };
  };
}

describe('conformance', () => {
  it('finds nothing wrong with a sound cloud', () => {
    expect(failures(faulty(() => ({})))).toEqual({});
  });

  it('finds a block that says it belongs to another cloud', () => {
    const found = failures(
      faulty((cloud) => ({
        security: {
          ...cloud.security,
          secret: (scope, id, props) => new FakeCloud({ name: 'else' }).security.secret(scope, id, props),
        },
      })),
    );
    expect(found).toEqual({
      'every method returns a block of this cloud under the id that the caller chose':
        'secret: cloud is else and not fake',
    });
  });

  it('finds constructs beside what was asked for', () => {
    const found = failures(
      faulty((cloud) => ({
        data: {
          ...cloud.data,
          cache: (scope, id, props) => {
            new Construct(scope, 'helper');
            return cloud.data.cache(scope, id, props);
          },
        },
      })),
    );
    expect(found['the tree has the same first level on every target']).toBe('beside what was asked for: helper');
  });

  it('finds a synthesis that differs from run to run', () => {
    let run = 0;
    const found = failures(
      faulty(() => ({
        bind: (stack) => {
          if (!stack.node.tryFindChild('run')) new FakeResource(stack, 'run', { number: (run += 1) });
        },
      })),
    );
    expect(found['the same description gives the same bytes']).toContain('two runs differ');
  });

  it('finds providers that are bound once too often', () => {
    let bound = 0;
    const found = failures(
      faulty(() => ({
        bind: (stack) => void new FakeResource(stack, `bound-${(bound += 1)}`, {}),
      })),
    );
    expect(found['providers are bound once, however often a stack is bound']).toContain('changes the stack');
  });

  it('finds a store of secrets that any namespace may use', () => {
    const found = failures(
      faulty((cloud) => ({
        security: {
          ...cloud.security,
          secretStore: (scope, id, props) => {
            const store = cloud.security.secretStore(scope, id, props);
            const define = (chart: Construct): void =>
              void new ApiObject(chart, 'open', {
                ...{ apiVersion: 'external-secrets.io/v1', kind: 'ClusterSecretStore' },
                ...{ metadata: { name: 'open' }, spec: { provider: {} } },
              });
            const objects = [{ id: 'open', layer: '20-platform', define } as const];
            Object.defineProperty(store, 'kubernetes', { value: { ...store.kubernetes, objects } });
            return store;
          },
        },
      })),
    );
    expect(found['Kubernetes objects are valid and know their namespace']).toContain(
      'ClusterSecretStore open: may be used from any namespace',
    );
  });

  it('finds a condition with a gap, as cdktf leaves one for an empty text', () => {
    const found = failures(
      faulty((cloud) => ({
        storage: {
          ...cloud.storage,
          objectStore: (scope, id, props) => {
            const store = cloud.storage.objectStore(scope, id, props);
            store.objectExists = () => ({ condition: Op.neq('x', '').toString(), message: 'absent' });
            return store;
          },
        },
      })),
    );
    expect(found['what asks whether something exists is a whole expression']).toBe(
      'objectExists: the condition is ${("x" != undefined)}',
    );
  });

  it('finds state that is not guarded, or is guarded although it is to be destroyed', () => {
    const removal = (onRemoval: 'retain' | 'destroy'): (() => ICloud) =>
      faulty((cloud) => ({
        storage: {
          ...cloud.storage,
          objectStore: (scope, id, props) => cloud.storage.objectStore(scope, id, { ...props, onRemoval }),
        },
      }));
    expect(failures(removal('destroy'))).toEqual({
      'what nobody can make again is guarded against being destroyed':
        'objects: none of terraform_data.ml_objects_objects has prevent_destroy',
    });
    expect(failures(removal('retain'))).toEqual({
      'nothing is guarded when it is to be destroyed':
        'terraform_data.ml_objects_objects has prevent_destroy although onRemoval is destroy',
    });
  });

  it('finds addresses that follow the construct path', () => {
    const found = failures(
      faulty((cloud) => ({
        security: {
          ...cloud.security,
          secret: (scope, id, props) =>
            cloud.security.secret(scope, id, { ...props, naming: [...props.naming, scope.node.id] }),
        },
      })),
    );
    expect(Object.keys(found)).toEqual(['guarded resources keep their addresses when their constructs move']);
  });

  it('finds egress rules that cannot be written into a policy', () => {
    const found = failures(
      faulty((cloud) => ({
        security: { ...cloud.security, egress: [{ description: 'bad', cidrs: ['everywhere'], ports: [] }] },
      })),
    );
    expect(found).toEqual({
      'egress rules are well formed and say why they exist':
        'security (bad): range everywhere\nsecurity (bad): no port',
    });
  });

  it('finds a declared gap that is offered all the same, and one without words', () => {
    const found = failures(faulty(() => ({ gaps: { 'dns-zone': { reason: '', alternative: ' ' } } })));
    expect(found).toEqual({
      'refuses what it declares as a gap, with LNMT1007 and the reason': 'gap dns-zone: not refused, expected LNMT1007',
      'declares gaps with a reason and an alternative': 'gap dns-zone has no reason\ngap dns-zone names no alternative',
    });
  });

  it('finds foreign objects that are accepted', () => {
    const found = failures(
      faulty((cloud) => ({
        operations: {
          ...cloud.operations,
          monitoring: (scope, id, props) =>
            cloud.operations.monitoring(scope, id, { ...props, cluster: { ...props.cluster, cloud: 'fake' } }),
        },
      })),
    );
    expect(found).toEqual({
      'refuses objects of another cloud, with LNMT1008': 'monitoring.cluster: not refused, expected LNMT1008',
    });
  });
});
