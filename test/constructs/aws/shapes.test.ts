import { describe, expect, it } from 'vitest';
import { Accelerator } from '../../../constructs/accelerators';
import { AWS_CPU_SHAPES } from '../../../constructs/aws/cpu-shapes';
import { efaInterfaces, efaResources } from '../../../constructs/aws/efa';
import { AWS_GPU_SHAPES } from '../../../constructs/aws/gpu-shapes';
import { selectShape } from '../../../constructs/select-shape';
import type { NodeShape } from '../../../constructs/select-shape';

function shape(name: string): NodeShape {
  const found = AWS_GPU_SHAPES.find((each) => each.name === name);
  if (found === undefined) throw new Error(`no shape ${name}`);
  return found;
}

describe('node shapes of AWS', () => {
  it.each([
    ['g4dn.xlarge', 'nvidia-t4', 1, 0],
    ['g5.48xlarge', 'nvidia-a10', 8, 1],
    ['g6e.48xlarge', 'nvidia-l40s', 8, 4],
    ['g7.48xlarge', 'nvidia-rtx-pro-4500', 8, 2],
    ['g7e.24xlarge', 'nvidia-rtx-pro-6000', 4, 2],
    ['p4d.24xlarge', 'nvidia-a100-40gb', 8, 4],
    ['p4de.24xlarge', 'nvidia-a100-80gb', 8, 4],
    ['p5.48xlarge', 'nvidia-h100', 8, 32],
    ['p5en.48xlarge', 'nvidia-h200', 8, 16],
    ['p6-b200.48xlarge', 'nvidia-b200', 8, 8],
    ['p6-b300.48xlarge', 'nvidia-b300', 8, 16],
  ])('hold %s as %s x %i with %i EFA interfaces', (name, accelerator, gpus, interfaces) => {
    expect(shape(name)).toMatchObject({ accelerator: { name: accelerator }, gpus });
    expect(shape(name).fabric?.interfaces ?? 0).toBe(interfaces);
  });

  it('are positive numbers throughout, with GPUs exactly where there is an accelerator', () => {
    for (const each of [...AWS_GPU_SHAPES, ...AWS_CPU_SHAPES]) {
      expect(each.gpus > 0, each.name).toBe(each.accelerator !== undefined);
      expect(Math.min(each.vcpus, each.memoryGiB), each.name).toBeGreaterThan(0);
    }
  });

  it('carry Blackwell racks on Arm', () => {
    expect(selectShape('aws', AWS_GPU_SHAPES, { accelerator: Accelerator.NVIDIA_GB200 }).architecture).toBe('arm64');
  });

  it('prefer amd64 where an Arm type is as large', () => {
    expect(selectShape('aws', AWS_CPU_SHAPES, { vcpus: 4, memoryGiB: 16 }).name).toBe('m7i.xlarge');
  });
});

describe('network interfaces of the fast fabric', () => {
  it('are one for IP and one for EFA on each card', () => {
    const interfaces = efaInterfaces(shape('p5.48xlarge'));
    expect(interfaces).toHaveLength(33);
    expect(interfaces.slice(0, 3)).toEqual([
      { networkCardIndex: 0, deviceIndex: 0, interfaceType: 'interface' },
      { networkCardIndex: 0, deviceIndex: 1, interfaceType: 'efa-only' },
      { networkCardIndex: 1, deviceIndex: 0, interfaceType: 'efa-only' },
    ]);
  });

  it('leave card 0 to IP where it carries no EFA device', () => {
    const interfaces = efaInterfaces(shape('p6-b300.48xlarge'));
    expect(interfaces.filter((each) => each.networkCardIndex === 0)).toHaveLength(1);
    expect(interfaces.at(-1)).toEqual({ networkCardIndex: 16, deviceIndex: 0, interfaceType: 'efa-only' });
  });

  it('never use a card twice for EFA', () => {
    for (const each of AWS_GPU_SHAPES) {
      const cards = efaInterfaces(each).filter((one) => one.interfaceType === 'efa-only');
      expect(new Set(cards.map((one) => one.networkCardIndex)).size, each.name).toBe(cards.length);
    }
  });

  it('are none for a shape without fabric', () => {
    expect(efaInterfaces(shape('g6.xlarge'))).toEqual([]);
    expect(efaResources(shape('g6.xlarge'), true)).toEqual({});
  });

  it('are asked for by pods, with huge pages where nodes have them', () => {
    expect(efaResources(shape('p5.48xlarge'), false)).toEqual({ 'vpc.amazonaws.com/efa': '32' });
    expect(efaResources(shape('p5.48xlarge'), true)).toEqual({
      'vpc.amazonaws.com/efa': '32',
      'hugepages-2Mi': '5120Mi',
    });
  });
});
