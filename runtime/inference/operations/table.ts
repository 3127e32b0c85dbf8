import { PATHS } from '../../contract';
import type { Access } from '../../shared/access-control';

/** One route of an operation. Parameters of the path begin with a colon. */
export interface RestBinding {
  readonly method: 'GET' | 'POST';
  readonly path: string;
}

/** One thing that the server does, whatever it is asked through. */
export interface Operation {
  /** Who may ask for it. */
  readonly access: Access;
  /** One line for people. */
  readonly summary: string;
  /** Routes. */
  readonly rest: readonly RestBinding[];
  /** Procedures, `<package>.<service>/<name>`. @default - none */
  readonly rpc?: readonly string[];
  /** Fields of the GraphQL schema, `<type>.<name>`. @default - none */
  readonly fields?: readonly string[];
  /** Whether answering takes a place in admission. @default false */
  readonly admitted?: boolean;
}

const INFERENCE_SERVICE = 'inference.GRPCInferenceService';
const HEALTH_SERVICE = 'grpc.health.v1.Health';
const MODEL = `${PATHS.models}/:name`;
const VERSION = `${MODEL}/versions/:version`;

const OPENAI = PATHS.openai;

const get = (...paths: readonly string[]): RestBinding[] => paths.map((path) => ({ method: 'GET', path }));
const post = (...paths: readonly string[]): RestBinding[] => paths.map((path) => ({ method: 'POST', path }));
const rpc = (name: string): string => `${INFERENCE_SERVICE}/${name}`;

/**
 * Everything that the server answers. A route or procedure without a row here keeps the server from starting,
 * so that nothing is reachable that nobody thought about.
 */
export const OPERATIONS = {
  ServerLive: {
    access: 'public',
    summary: 'Whether the process can make progress',
    rest: get(PATHS.live),
    rpc: [rpc('ServerLive')],
    fields: ['Query.serverLive'],
  },
  ServerReady: {
    access: 'public',
    summary: 'Whether an inference request would be answered now',
    rest: get(PATHS.ready, PATHS.health),
    rpc: [rpc('ServerReady'), `${HEALTH_SERVICE}/Check`, `${HEALTH_SERVICE}/Watch`],
    fields: ['Query.serverReady'],
  },
  ServerStarted: {
    access: 'public',
    summary: 'Whether every required model has been loaded once',
    rest: get(PATHS.startup),
    fields: ['Query.serverStarted'],
  },
  ServerMetadata: {
    access: 'read',
    summary: 'Name, version and extensions of the server',
    rest: get(PATHS.server),
    rpc: [rpc('ServerMetadata')],
    fields: ['Query.server'],
  },
  ModelMetadata: {
    access: 'read',
    summary: 'Inputs, outputs and versions of a model',
    rest: get(MODEL, VERSION),
    rpc: [rpc('ModelMetadata')],
    fields: ['Query.model'],
  },
  ModelConfig: {
    access: 'read',
    summary: 'How a model is served',
    rest: get(`${MODEL}/config`, `${VERSION}/config`),
    rpc: [rpc('ModelConfig')],
    fields: ['Query.modelConfig'],
  },
  ModelStatistics: {
    access: 'read',
    summary: 'What models have done so far',
    rest: get(`${MODEL}/stats`, `${VERSION}/stats`, `${PATHS.models}/stats`),
    rpc: [rpc('ModelStatistics')],
    fields: ['Query.modelStatistics'],
  },
  ModelReady: {
    access: 'read',
    summary: 'Whether a model would answer now',
    rest: get(`${MODEL}/ready`, `${VERSION}/ready`),
    rpc: [rpc('ModelReady')],
    fields: ['Query.modelReady'],
  },
  ModelInfer: {
    access: 'infer',
    summary: 'Runs a model on tensors',
    rest: post(`${MODEL}/infer`, `${VERSION}/infer`),
    rpc: [rpc('ModelInfer'), rpc('ModelStreamInfer')],
    admitted: true,
    fields: ['Query.infer'],
  },
  RepositoryIndex: {
    access: 'manage',
    summary: 'Models and versions of the repository, and whether they are loaded',
    rest: post(`${PATHS.repository}/index`),
    rpc: [rpc('RepositoryIndex')],
    fields: ['Query.repository'],
  },
  RepositoryModelLoad: {
    access: 'manage',
    summary: 'Loads a model, or loads it again',
    rest: post(`${PATHS.repository}/models/:name/load`),
    rpc: [rpc('RepositoryModelLoad')],
    fields: ['Mutation.loadModel'],
  },
  RepositoryModelUnload: {
    access: 'manage',
    summary: 'Unloads a model',
    rest: post(`${PATHS.repository}/models/:name/unload`),
    rpc: [rpc('RepositoryModelUnload')],
    fields: ['Mutation.unloadModel'],
  },
  ModelTraffic: {
    access: 'manage',
    summary: 'Which version answers requests that name none, and how a canary stands',
    rest: get(`${PATHS.repository}/models/:name/traffic`),
  },
  ModelTrafficDecide: {
    access: 'manage',
    summary: 'Promotes a canary, rolls it back, or restarts it',
    rest: post(`${PATHS.repository}/models/:name/traffic`),
  },
  OpenAiModels: {
    access: 'read',
    summary: 'Models, as OpenAI lists them',
    rest: get(`${OPENAI}/models`, `${OPENAI}/models/:id`),
    fields: ['Query.openAiModels', 'Query.openAiModel'],
  },
  OpenAiEmbeddings: {
    access: 'infer',
    summary: 'Embeddings of texts, as OpenAI has them',
    rest: post(`${OPENAI}/embeddings`),
    admitted: true,
    fields: ['Query.embeddings'],
  },
  OpenAiCompletions: {
    access: 'infer',
    summary: 'Completions of a prompt, as OpenAI has them',
    rest: post(`${OPENAI}/completions`),
    admitted: true,
    fields: ['Query.completions'],
  },
  OpenAiChatCompletions: {
    access: 'infer',
    summary: 'Answers in a conversation, as OpenAI has them',
    rest: post(`${OPENAI}/chat/completions`),
    admitted: true,
    fields: ['Query.chatCompletions'],
  },
  GraphQl: {
    access: 'caller',
    summary: 'These operations as GraphQL: each field has the permission of its own operation',
    rest: post(PATHS.graphql),
  },
  GraphQlSchema: {
    access: 'read',
    summary: 'The GraphQL schema, by introspection',
    rest: [],
    fields: ['Query.__schema', 'Query.__type'],
  },
  DescriptionPage: {
    access: 'public',
    summary: 'A page that shows these operations and tries them',
    rest: get(PATHS.docs),
  },
  Description: {
    access: 'public',
    summary: 'This description, as OpenAPI 3.1',
    rest: get(PATHS.openapi),
  },
} as const satisfies Readonly<Record<string, Operation>>;

/** Id of an operation. */
export type OperationId = keyof typeof OPERATIONS;

/** All rows with their ids. */
export const operations: readonly (readonly [id: OperationId, operation: Operation])[] = Object.entries(OPERATIONS) as [
  OperationId,
  Operation,
][];

/** The operation of a route. */
export function operationOfRoute(method: string, path: string): readonly [OperationId, Operation] | undefined {
  const asked = method === 'HEAD' ? 'GET' : method;
  return operations.find(([, { rest }]) => rest.some((each) => each.method === asked && each.path === path));
}

/** The operation of a procedure. */
export function operationOfRpc(name: string): readonly [OperationId, Operation] | undefined {
  return operations.find(([, operation]) => operation.rpc?.includes(name));
}

/** The operation of a field of the GraphQL schema. */
export function operationOfField(name: string): readonly [OperationId, Operation] | undefined {
  return operations.find(([, operation]) => operation.fields?.includes(name));
}
