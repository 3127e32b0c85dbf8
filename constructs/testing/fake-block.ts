import { Construct } from 'constructs';
import type { IBuildingBlock, StatefulProps } from '../cloud/building-block';
import type { CapabilityGaps, CloudName } from '../cloud/cloud';
import { NO_PARTS } from '../cloud/kubernetes-parts';
import type { KubernetesParts } from '../cloud/kubernetes-parts';
import { legalName } from '../names';
import type { NodeShape } from '../select-shape';
import { stateful } from '../stateful';
import { FakeResource } from './fake-resource';
import type { JsonObject } from './synthesized';

/** What a fake building block has to know of its cloud. */
export interface FakeTarget {
  readonly name: CloudName;
  readonly gaps: CapabilityGaps;
  readonly nodeShapes: readonly NodeShape[];
}

/** Props of a building block, with the cloud that it belongs to. */
export type Faked<TProps> = TProps & { readonly target: FakeTarget };

/** A building block whose one resource is a {@link FakeResource}. */
export class FakeBlock extends Construct implements IBuildingBlock {
  readonly cloud: CloudName;
  readonly kubernetes: KubernetesParts = NO_PARTS;
  /** The main resource. */
  protected readonly resource: FakeResource;

  constructor(scope: Construct, id: string, props: { readonly target: FakeTarget; readonly values: JsonObject }) {
    super(scope, id);
    this.cloud = props.target.name;
    this.resource = new FakeResource(this, 'Resource', props.values);
  }

  /** Marks the resource as stateful under the block's naming; `kind` keeps blocks of one naming apart. */
  protected keep(kind: string, props: StatefulProps): void {
    stateful(this.resource, [...props.naming, kind], props.onRemoval ?? 'retain');
  }
}

/** A physical name, as a strict target would want it. */
export function fakeName(naming: readonly string[], scope?: Construct): string {
  return legalName({ maxLength: 40 }, naming, scope);
}
