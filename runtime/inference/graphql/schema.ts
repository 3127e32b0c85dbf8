import { OPENAI_SDL } from './schema-openai';

/** Types of the schema whose fields are operations; everything below them is plain data. */
export const ROOT_TYPES = ['Query', 'Mutation'] as const;

/** The schema. Each field of {@link ROOT_TYPES} has a row in the operation table. */
export const SDL = `
"Elements of a tensor, flat or nested as its shape says, as the REST form has them. 64-bit integers are exact."
scalar TensorData
"A tensor in the binary form of the protocol (little-endian, row-major), in Base64."
scalar Base64
"A document, as the REST form has it."
scalar Json

enum Datatype { BOOL UINT8 UINT16 UINT32 UINT64 INT8 INT16 INT32 INT64 FP16 BF16 FP32 FP64 BYTES }

type Query {
  "Whether the process can make progress."
  serverLive: Boolean
  "Whether an inference request would be answered now."
  serverReady: Boolean
  "Whether every required model has been loaded once."
  serverStarted: Boolean
  "Name, version and extensions of the server."
  server: Server
  "Inputs, outputs and versions of a model."
  model(name: String!, version: String): Model
  "Whether a model would answer now."
  modelReady(name: String!, version: String): Boolean
  "How a model is served."
  modelConfig(name: String!, version: String): Json
  "What a model has done so far; of all models without a name."
  modelStatistics(name: String, version: String): Json
  "Runs a model on tensors."
  infer(
    model: String!
    version: String
    id: String
    inputs: [InferenceInput!]!
    "Names of the wanted outputs; all when absent."
    outputs: [String!]
    "Milliseconds after which the answer is of no use any more."
    timeoutMs: Int
    "1 is served first."
    priority: Int
  ): InferenceResponse
  "Models and versions of the repository, and whether they are loaded."
  repository(readyOnly: Boolean = false): [RepositoryEntry!]
}

type Mutation {
  "Loads a model, or loads it again."
  loadModel(name: String!): Boolean
  "Unloads a model."
  unloadModel(name: String!): Boolean
}

type Server { name: String! version: String! extensions: [String!]! }

type TensorMetadata {
  name: String!
  datatype: Datatype!
  "-1 stands for any size."
  shape: [Int!]!
}

type Model {
  name: String!
  versions: [String!]!
  platform: String!
  inputs: [TensorMetadata!]!
  outputs: [TensorMetadata!]!
}

"Its elements stand in one of data and raw."
input InferenceInput { name: String! datatype: Datatype! shape: [Int!]! data: TensorData raw: Base64 }

type InferenceOutput { name: String! datatype: Datatype! shape: [Int!]! data: TensorData! raw: Base64! }

type InferenceResponse { modelName: String! modelVersion: String! id: String outputs: [InferenceOutput!]! }

type RepositoryEntry { name: String! version: String! state: String! reason: String! }
${OPENAI_SDL}`;
