import type { IConstruct } from 'constructs';
import type { Accelerator } from './accelerators';
import { noShapeFits } from './errors';

/** CPU architecture of a node. */
export type Architecture = 'amd64' | 'arm64';

/** Fast network between nodes. */
export interface Fabric {
  /** Kind of fabric, in the field's words. */
  readonly kind: 'efa' | 'gpudirect' | 'infiniband';
  /** Network interfaces (cards) of one node. */
  readonly interfaces: number;
}

/** One node shape (instance type, machine type, VM size) of a cloud. */
export interface NodeShape {
  /** The cloud's name of it, e.g. `p5.48xlarge`. */
  readonly name: string;
  /** Accelerator. @default - none */
  readonly accelerator?: Accelerator;
  /** Number of accelerators of one node. */
  readonly gpus: number;
  readonly vcpus: number;
  /** Memory of one node in GiB. */
  readonly memoryGiB: number;
  readonly architecture: Architecture;
  /** Fast fabric. @default - none */
  readonly fabric?: Fabric;
  /** Local NVMe storage in GB. @default 0 */
  readonly localStorageGB?: number;
}

/** What a node has to hold at least. */
export interface ShapeRequest {
  /** Accelerator. @default - a node without one */
  readonly accelerator?: Accelerator;
  /** Accelerators of one node, at least. @default - 1 with an accelerator, else 0 */
  readonly gpus?: number;
  /** @default 1 */
  readonly vcpus?: number;
  /** Memory in GiB. @default 1 */
  readonly memoryGiB?: number;
  /** @default - any architecture that the images support; amd64 is preferred */
  readonly architecture?: Architecture;
}

/** Prices of one node, in any one currency and unit of time, by shape name. LNMT brings none. */
export type PriceTable = Readonly<Record<string, number>>;

const NEAREST = 3;

/**
 * Chooses the shape that holds the request: fewest GPUs, then least memory, then fewest vCPUs, then by name; with a price
 * table the cheapest priced one. Pure: same table and request, same answer.
 *
 * @throws LNMT1006, listing the nearest offers, when nothing fits
 */
export function selectShape(
  target: string,
  shapes: readonly NodeShape[],
  request: ShapeRequest,
  prices: PriceTable = {},
  scope?: IConstruct,
): NodeShape {
  const fitting = shapes.filter((shape) => fits(shape, request)).sort((a, b) => compare(a, b, prices));
  const best = fitting[0];
  if (best === undefined) throw noShapeFits(scope, target, describeRequest(request), nearestOffers(shapes, request));
  return best;
}

function fits(shape: NodeShape, request: ShapeRequest): boolean {
  return (
    shape.accelerator?.name === request.accelerator?.name &&
    shape.gpus >= wantedGpus(request) &&
    shape.vcpus >= (request.vcpus ?? 1) &&
    shape.memoryGiB >= (request.memoryGiB ?? 1) &&
    (request.architecture === undefined || shape.architecture === request.architecture)
  );
}

function wantedGpus(request: ShapeRequest): number {
  return request.gpus ?? (request.accelerator ? 1 : 0);
}

function compare(a: NodeShape, b: NodeShape, prices: PriceTable): number {
  const priceA = prices[a.name] ?? Number.POSITIVE_INFINITY;
  const priceB = prices[b.name] ?? Number.POSITIVE_INFINITY;
  if (priceA !== priceB) return priceA - priceB;
  return (
    a.gpus - b.gpus ||
    a.memoryGiB - b.memoryGiB ||
    a.vcpus - b.vcpus ||
    a.architecture.localeCompare(b.architecture, 'en') ||
    (a.name < b.name ? -1 : 1)
  );
}

function describeRequest(request: ShapeRequest): string {
  const gpus = wantedGpus(request);
  return [
    request.accelerator ? `${gpus} x ${request.accelerator.name}` : 'no accelerator',
    `${request.vcpus ?? 1} vCPU`,
    `${request.memoryGiB ?? 1} GiB`,
    ...(request.architecture ? [request.architecture] : []),
  ].join(', ');
}

// Nearness: same accelerator first, then at least as much accelerator memory, then the smallest difference of totals.
function nearestOffers(shapes: readonly NodeShape[], request: ShapeRequest): string[] {
  const wanted = wantedGpus(request) * (request.accelerator?.memoryGiB ?? 0);
  const distance = (shape: NodeShape): number => {
    const same = shape.accelerator?.name === request.accelerator?.name;
    const offered = shape.gpus * (shape.accelerator?.memoryGiB ?? 0);
    const memory = Math.abs(shape.memoryGiB - (request.memoryGiB ?? 1));
    return (same ? 0 : 1e9) + (offered < wanted ? 1e6 : 0) + Math.abs(offered - wanted) * 100 + memory;
  };
  return shapes
    .filter((shape) => (shape.accelerator === undefined) === (request.accelerator === undefined))
    .sort((a, b) => distance(a) - distance(b) || (a.name < b.name ? -1 : 1))
    .slice(0, NEAREST)
    .map((shape) => {
      const gpu = shape.accelerator ? `${shape.gpus} x ${shape.accelerator.name}, ` : '';
      return `${shape.name} (${gpu}${shape.vcpus} vCPU, ${shape.memoryGiB} GiB)`;
    });
}
