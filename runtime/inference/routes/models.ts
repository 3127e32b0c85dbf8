import type { FastifyInstance } from 'fastify';
import { PATHS } from '../../contract';
import type { DataPlane } from '../data-plane';
import type { TensorSpec } from '../tensors/tensor';
import { SERVER_NAME, SERVER_VERSION } from '../version';

/** Parameters of every path below a model. */
export interface ModelParams {
  readonly name: string;
  readonly version?: string;
}

/** Patterns of a model and of one version of it. */
export const MODEL_PATTERNS = [`${PATHS.models}/:name`, `${PATHS.models}/:name/versions/:version`] as const;

const tensorMetadata = ({ name, datatype, shape }: TensorSpec): object => ({ name, datatype, shape: shape ?? [] });

/** Server metadata, model metadata and model readiness. */
export function modelRoutes(plane: DataPlane): (app: FastifyInstance) => Promise<void> {
  const config = { access: 'read' } as const;
  return async (app) => {
    app.get(PATHS.server, { config }, () => ({ name: SERVER_NAME, version: SERVER_VERSION, extensions: [] }));
    for (const pattern of MODEL_PATTERNS) {
      app.get<{ Params: ModelParams }>(pattern, { config }, ({ params }) => {
        plane.identify(params.name, params.version);
        const { inputs, outputs } = plane.describe();
        return {
          name: plane.model.name,
          versions: [plane.model.version],
          platform: 'onnxruntime_onnx',
          inputs: inputs.map(tensorMetadata),
          outputs: outputs.map(tensorMetadata),
        };
      });
      app.get<{ Params: ModelParams }>(`${pattern}/ready`, { config }, ({ params }, reply) => {
        plane.identify(params.name, params.version);
        return reply.code(plane.ready ? 200 : 503).send({ name: plane.model.name, ready: plane.ready });
      });
    }
  };
}
