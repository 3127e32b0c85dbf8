import { Annotations } from 'cdktf';
import { Construct } from 'constructs';
import { certManager } from './addons/cert-manager';
import { kserve, kserveCrd } from './addons/kserve';
import { freeId } from './checks';
import type { Images } from './images';
import { KServeServingRuntime } from './kubernetes';
import type { KServeServingRuntimeProps } from './kubernetes';
import type { LnmtPlatform } from './lnmt-platform';
import { placementFor } from './replicas-fit';
import type { Architecture } from './select-shape';

/** Props of {@link KServeRuntime}. */
export interface KServeRuntimeProps extends Omit<KServeServingRuntimeProps, 'image' | 'placement'> {
  /** Platform whose cluster gets KServe. */
  readonly platform: LnmtPlatform;
  /** Digests of the images. @default - those of the platform */
  readonly images?: Images;
  /** CPU architectures that the image is built for: those of the machines that built it. @default ['amd64'] */
  readonly architectures?: readonly Architecture[];
  /** Whether KServe and cert-manager are installed too; false where the cluster has them. @default true */
  readonly install?: boolean;
}

/**
 * KServe on a platform, with the inference server as its runtime for ONNX: for teams that describe models as
 * InferenceServices. Endpoints of LNMT do not need it.
 *
 * @throws LNMT1010 for a missing image digest, LNMT1011 in the platform's own stack, LNMT1013 without images, LNMT1018 before the
 * platform has a stack of workloads, LNMT1020 for an id that is taken, LNMT3018 for keys from the store
 */
export class KServeRuntime extends Construct {
  constructor(scope: Construct, id: string, props: KServeRuntimeProps) {
    super(scope, freeId(scope, id));
    const { platform, images: own, architectures, install = true, ...runtime } = props;
    const images = platform.require(this, 'images', own ?? platform.images, 'a runtime of KServe');
    const image = images.reference(this, 'inference', 'cpu', platform.registry);
    const placement = placementFor(this, undefined, architectures);
    if (props.auth.methods.includes('none')) {
      const reason = props.auth.reason ?? 'no reason given';
      Annotations.of(this).addWarning(`the runtime answers anyone who reaches its pods, because: ${reason}`);
    }
    platform.workloadsFor(this).add(this, {
      addons: install ? [certManager(), kserveCrd(), kserve()] : [],
      objects: [
        {
          id: 'runtime',
          layer: '20-platform',
          define: (chart) => void new KServeServingRuntime(chart, 'runtime', { ...runtime, image, placement }),
        },
      ],
    });
  }
}
