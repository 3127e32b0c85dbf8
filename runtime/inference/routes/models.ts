import type { FastifyInstance } from 'fastify';
import { PATHS } from '../../contract';
import type { InferenceService } from '../serving/service';
import type { TensorSpec } from '../tensors/tensor';
import { EXTENSIONS, PLATFORM, SERVER_NAME, SERVER_VERSION } from '../version';

/** Parameters of every path below a model. */
export interface ModelParams {
  readonly name: string;
  readonly version?: string;
}

/** Patterns of a model and of one version of it. */
export const MODEL_PATTERNS = [`${PATHS.models}/:name`, `${PATHS.models}/:name/versions/:version`] as const;

const tensorMetadata = ({ name, datatype, shape }: TensorSpec): object => ({ name, datatype, shape: shape ?? [] });

/** Server metadata, model metadata and model readiness. */
export function modelRoutes(models: InferenceService): (app: FastifyInstance) => Promise<void> {
  const config = { access: 'read' } as const;
  return async (app) => {
    app.get(PATHS.server, { config }, () => ({ name: SERVER_NAME, version: SERVER_VERSION, extensions: EXTENSIONS }));
    for (const pattern of MODEL_PATTERNS) {
      app.get<{ Params: ModelParams }>(pattern, { config }, ({ params }) => {
        const { name, versions, inputs, outputs } = models.describe(params.name, params.version);
        const tensors = { inputs: inputs.map(tensorMetadata), outputs: outputs.map(tensorMetadata) };
        return { name, versions, platform: PLATFORM, ...tensors };
      });
      app.get<{ Params: ModelParams }>(`${pattern}/ready`, { config }, ({ params }, reply) => {
        const ready = models.isReady(params.name, params.version);
        return reply.code(ready ? 200 : 503).send({ name: params.name, ready });
      });
    }
  };
}
