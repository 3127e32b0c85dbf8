import type { Exchange } from './schemas';
import type { OperationId } from './table';

const UNKNOWN_MODEL = { 404: 'The model or version is not served here' };
const NOT_NOW = { 503: 'Not now; repeat after the Retry-After header' };
/** Of servers that pass on what they cannot answer. */
const UPSTREAM = {
  502: 'The upstream server gave no answer that can be used',
  504: 'The upstream server did not answer in time',
};

const OPENAI: Exchange = {
  ...{ response: 'OpenAiDocument', failure: 'OpenAiFailure', needsBody: true },
  others: { ...UNKNOWN_MODEL, ...NOT_NOW, 422: 'The text cannot be processed', 504: 'The model ran too long' },
};

/** What each operation takes and gives. */
export const EXCHANGES: { readonly [K in OperationId]: Exchange } = {
  ServerLive: { response: 'Live', denial: 'Not live' },
  ServerReady: { response: 'Ready', denial: 'Not ready' },
  ServerStarted: { response: 'Started', denial: 'Still starting' },
  ServerMetadata: { response: 'ServerMetadata' },
  ModelMetadata: { response: 'ModelMetadata', others: { ...UNKNOWN_MODEL, ...NOT_NOW, ...UPSTREAM } },
  ModelConfig: { response: 'ModelConfig', others: { ...UNKNOWN_MODEL, ...NOT_NOW } },
  ModelStatistics: { response: 'ModelStatistics', others: { ...UNKNOWN_MODEL, ...NOT_NOW } },
  ModelReady: {
    ...{ response: 'ModelReady', denial: 'The model is not ready, or not now' },
    others: { ...UNKNOWN_MODEL, ...UPSTREAM },
  },
  ModelInfer: {
    request: 'InferenceRequest',
    response: 'InferenceResponse',
    binary: true,
    needsBody: true,
    others: {
      ...{ ...UNKNOWN_MODEL, ...NOT_NOW, ...UPSTREAM },
      413: 'The body is too large, or the answer too long as JSON',
      422: 'The model cannot be run on this input',
      504: 'The model ran too long, or the deadline of the request passed',
      508: 'The request came here through too many servers',
    },
  },
  RepositoryIndex: { request: 'RepositoryQuery', response: 'RepositoryIndex' },
  RepositoryModelLoad: {
    request: 'RepositoryParameters',
    others: { ...UNKNOWN_MODEL, ...NOT_NOW, 400: 'The request cannot be read, or the model cannot be loaded' },
  },
  RepositoryModelUnload: {
    request: 'RepositoryParameters',
    others: { ...UNKNOWN_MODEL, 409: 'The model is pinned and cannot be unloaded' },
  },
  ModelTraffic: { response: 'ModelTraffic', others: UNKNOWN_MODEL },
  ModelTrafficDecide: {
    ...{ request: 'TrafficDecision', response: 'ModelTraffic', needsBody: true },
    others: { ...UNKNOWN_MODEL, 409: 'The model has no canary' },
  },
  OpenAiModels: { response: 'OpenAiDocument', failure: 'OpenAiFailure', others: UNKNOWN_MODEL },
  OpenAiEmbeddings: { ...OPENAI, request: 'OpenAiEmbeddingRequest' },
  OpenAiCompletions: { ...OPENAI, request: 'OpenAiCompletionRequest', streamed: true },
  OpenAiChatCompletions: { ...OPENAI, request: 'OpenAiChatRequest', streamed: true },
  GraphQl: { request: 'GraphQlRequest', response: 'GraphQlResponse', failure: 'GraphQlResponse', needsBody: true },
  GraphQlSchema: { response: 'GraphQlResponse' },
  DescriptionPage: { response: 'Page', page: true },
  Description: { response: 'Description' },
};
