import { TerraformOutput, TerraformResource } from 'cdktf';
import type { IBuildingBlock } from '../cloud/building-block';
import { buildBlocks, PRECIOUS_BLOCKS } from './conformance-blocks';
import type { BlockOptions } from './conformance-blocks';
import { bench, report } from './conformance-support';
import type { ConformanceCheck, MakeCloud } from './conformance-support';
import { synthTerraform } from './synth';
import type { SynthesizedStack } from './synthesized';

const AWKWARD = 'Ünïcødé & Friends: an Uncommonly Long Platform Name, 2nd Edition (do not shorten by hand) ';

/** What reaches Terraform: the same bytes, guarded state, addresses that survive refactors. */
export function stateChecks(make: MakeCloud): readonly ConformanceCheck[] {
  return [
    { name: 'the same description gives the same bytes', run: () => deterministic(make) },
    { name: 'providers are bound once, however often a stack is bound', run: () => boundOnce(make) },
    { name: 'what nobody can make again is guarded against being destroyed', run: () => guarded(make) },
    { name: 'nothing is guarded when it is to be destroyed', run: () => unguarded(make) },
    { name: 'guarded resources keep their addresses when their constructs move', run: () => stableAddresses(make) },
    {
      name: 'names of any length and alphabet are made legal',
      run: () => void synthesize(make, { naming: [AWKWARD] }),
    },
    { name: 'names that differ only at their end do not collide', run: () => noCollision(make) },
    { name: 'what asks whether something exists is a whole expression', run: () => wholeConditions(make) },
  ];
}

function synthesize(make: MakeCloud, options: BlockOptions = {}, path?: readonly string[]): SynthesizedStack {
  const { cloud, scope, stack } = bench(make, path);
  buildBlocks(cloud, scope, options);
  return synthTerraform(stack);
}

function deterministic(make: MakeCloud): void {
  const [first, second] = [synthesize(make), synthesize(make)].map((stack) => JSON.stringify(stack.document));
  report([first === second ? undefined : `two runs differ:\n${first}\n${second}`]);
}

function boundOnce(make: MakeCloud): void {
  const once = synthesize(make).document;
  const { cloud, scope, stack } = bench(make);
  cloud.bind(stack, { owner: 'conformance' });
  buildBlocks(cloud, scope);
  const twice = synthTerraform(stack);
  report([
    JSON.stringify(once) === JSON.stringify(twice.document) ? undefined : 'binding twice changes the stack',
    ...Object.entries(twice.providers).map(([name, blocks]) => {
      const plain = Array.isArray(blocks) ? blocks.filter((block) => !hasAlias(block)) : [];
      return plain.length > 1 ? `${plain.length} configurations of provider ${name} without an alias` : undefined;
    }),
  ]);
}

function hasAlias(block: unknown): boolean {
  return typeof block === 'object' && block !== null && 'alias' in block;
}

function guarded(make: MakeCloud): void {
  const { cloud, scope, stack } = bench(make);
  const blocks = buildBlocks(cloud, scope);
  const synthesized = synthTerraform(stack);
  report(
    PRECIOUS_BLOCKS.map((id) => {
      const addresses = blocks[id] === undefined ? [] : addressesBelow(blocks[id]);
      if (addresses.length === 0 || addresses.some((address) => isGuarded(synthesized, address))) return undefined;
      return `${id}: none of ${addresses.join(', ')} has prevent_destroy`;
    }),
  );
}

function unguarded(make: MakeCloud): void {
  const addresses = guardedAddresses(synthesize(make, { onRemoval: 'destroy' }));
  report(addresses.map((address) => `${address} has prevent_destroy although onRemoval is destroy`));
}

function stableAddresses(make: MakeCloud): void {
  const before = guardedAddresses(synthesize(make, {}, ['platform']));
  const after = guardedAddresses(synthesize(make, {}, ['team', 'renamed']));
  report([
    ...before.filter((address) => !after.includes(address)).map((address) => `${address} is gone after a move`),
    ...after.filter((address) => !before.includes(address)).map((address) => `${address} is new after a move`),
  ]);
}

function noCollision(make: MakeCloud): void {
  const one = synthesize(make).addresses().length;
  const { cloud, scope, stack } = bench(make);
  const namings = [`${AWKWARD}a`, `${AWKWARD}b`].map((name) => [name, 'objects']);
  const stores = namings.map((naming, index) => cloud.storage.objectStore(scope, `store-${index}`, { naming }));
  const synthesized = synthTerraform(stack);
  const addresses = stores.flatMap((store) => addressesBelow(store));
  report([
    new Set(addresses).size === addresses.length ? undefined : `addresses collide: ${addresses.join(', ')}`,
    ...addresses.map((address) => (synthesized.at(address) ? undefined : `${address} was not written`)),
    one === 0 || addresses.length > 0 ? undefined : 'no object store was written',
  ]);
}

function wholeConditions(make: MakeCloud): void {
  const { cloud, scope, stack } = bench(make);
  const { objects, registry } = buildBlocks(cloud, scope);
  const image = { repository: 'server', digest: `sha256:${'0'.repeat(64)}` };
  const checks = {
    objectExists: objects.objectExists(scope, 'object', 'model/1/manifest.json', 'absent'),
    imageExists: registry?.imageExists(scope, 'image', image, 'absent'),
  };
  for (const [method, check] of Object.entries(checks)) {
    if (check !== undefined) new TerraformOutput(stack, method, { value: check.condition });
  }
  report(
    Object.entries(synthTerraform(stack).outputs).map(([method, { value }]) => {
      const condition = typeof value === 'string' ? value : JSON.stringify(value);
      return /\bundefined\b/.test(condition) ? `${method}: the condition is ${condition}` : undefined;
    }),
  );
}

function addressesBelow(block: IBuildingBlock): string[] {
  return block.node
    .findAll()
    .filter((node) => TerraformResource.isTerraformResource(node))
    .map((resource) => `${resource.terraformResourceType}.${resource.friendlyUniqueId}`);
}

function guardedAddresses(stack: SynthesizedStack): string[] {
  return stack.addresses().filter((address) => isGuarded(stack, address));
}

function isGuarded(stack: SynthesizedStack, address: string): boolean {
  const lifecycle = stack.at(address)?.['lifecycle'];
  return typeof lifecycle === 'object' && lifecycle !== null && 'prevent_destroy' in lifecycle
    ? lifecycle['prevent_destroy'] === true
    : false;
}
