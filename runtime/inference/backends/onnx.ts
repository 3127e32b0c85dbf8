import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { ModelError } from '../errors';
import { packStrings, unpackStrings } from '../tensors/bytes';
import { aligned } from '../tensors/tensor';
import type { Datatype, Tensor, TensorSpec } from '../tensors/tensor';
import type { Backend, Capacity, ModelSignature } from './backend';
import { runFailure } from './run-failure';

/** What onnxruntime computes on. */
export type ExecutionProvider = 'cpu' | 'cuda' | 'tensorrt' | 'webgpu';

/** How onnxruntime runs a model. */
export interface OnnxOptions {
  readonly executionProvider: ExecutionProvider;
  /** GPU of cuda and tensorrt, counted among those that the process sees. @default 0 */
  readonly gpuIndex?: number;
  /** Whether a GPU provider may leave operators that it lacks to the CPU. @default false */
  readonly allowCpuFallback?: boolean;
  /**
   * Whether threads of a run may spin while they wait for one another.
   * @default false - other processes share the cores
   */
  readonly dedicatedCores?: boolean;
  /** Threads that one run may use; 0 lets onnxruntime choose. */
  readonly threads: number;
}

const ORT_TYPES = {
  BOOL: 'bool',
  UINT8: 'uint8',
  UINT16: 'uint16',
  UINT32: 'uint32',
  UINT64: 'uint64',
  INT8: 'int8',
  INT16: 'int16',
  INT32: 'int32',
  INT64: 'int64',
  FP16: 'float16',
  FP32: 'float32',
  FP64: 'float64',
  BYTES: 'string',
} as const satisfies Record<Datatype, OrtTensor.Type>;

/**
 * Where Node.js has a Float16Array, as it has from version 24 on, tensors of onnxruntime hold FP16 in it, which its addon
 * cannot read: no run would succeed. They decide with the first of them, which is made here while there is none.
 */
function holdHalvesAsBits(): void {
  const scope = globalThis as { Float16Array?: unknown };
  const { Float16Array } = scope;
  if (Float16Array === undefined) return;
  scope.Float16Array = undefined;
  try {
    void new OrtTensor('bool', [false]);
  } finally {
    scope.Float16Array = Float16Array;
  }
}

holdHalvesAsBits();

const DATATYPES = Object.keys(ORT_TYPES) as Datatype[];

function specOf(value: InferenceSession.ValueMetadata): TensorSpec {
  const datatype = value.isTensor ? DATATYPES.find((key) => ORT_TYPES[key] === value.type) : undefined;
  if (!value.isTensor || datatype === undefined) {
    throw new ModelError(
      'LNMT8306',
      `'${value.name}' is not a tensor of a supported type; export the model without it`,
    );
  }
  // onnxruntime gives an empty list both for a scalar and where the model states no shape.
  if (value.shape.length === 0) return { name: value.name, datatype, shape: undefined };
  const shape = value.shape.map((size) => (typeof size === 'number' && size >= 0 ? size : -1));
  return { name: value.name, datatype, shape };
}

function view(datatype: Exclude<Datatype, 'BYTES'>, data: Uint8Array): OrtTensor.DataTypeMap[OrtTensor.Type] {
  const { buffer, byteOffset: offset, byteLength: bytes } = aligned(data);
  switch (datatype) {
    case 'BOOL':
    case 'UINT8':
      return new Uint8Array(buffer, offset, bytes);
    case 'FP16':
    case 'UINT16':
      return new Uint16Array(buffer, offset, bytes / 2);
    case 'UINT32':
      return new Uint32Array(buffer, offset, bytes / 4);
    case 'UINT64':
      return new BigUint64Array(buffer, offset, bytes / 8);
    case 'INT8':
      return new Int8Array(buffer, offset, bytes);
    case 'INT16':
      return new Int16Array(buffer, offset, bytes / 2);
    case 'INT32':
      return new Int32Array(buffer, offset, bytes / 4);
    case 'INT64':
      return new BigInt64Array(buffer, offset, bytes / 8);
    case 'FP32':
      return new Float32Array(buffer, offset, bytes / 4);
    case 'FP64':
      return new Float64Array(buffer, offset, bytes / 8);
  }
}

function toOrt(tensor: Tensor): OrtTensor {
  const { datatype, data, shape } = tensor;
  if (datatype === 'BYTES') return new OrtTensor('string', unpackStrings(data), shape);
  return new OrtTensor(ORT_TYPES[datatype], view(datatype, data), shape);
}

function fromOrt(name: string, datatype: Datatype, value: OrtTensor): Tensor {
  const data = value.data;
  if (Array.isArray(data)) return { name, datatype, shape: value.dims, data: packStrings(data) };
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return { name, datatype, shape: value.dims, data: bytes };
}

type Providers = NonNullable<InferenceSession.SessionOptions['executionProviders']>;

/** The provider that was asked for, alone unless the CPU may help out. */
function providersOf({ executionProvider, gpuIndex = 0, allowCpuFallback = false }: OnnxOptions): Providers {
  const onNvidia = executionProvider === 'cuda' || executionProvider === 'tensorrt';
  const provider = onNvidia ? { name: executionProvider, deviceId: gpuIndex } : executionProvider;
  return executionProvider !== 'cpu' && allowCpuFallback ? [provider, 'cpu'] : [provider];
}

function sessionOptions(options: OnnxOptions): InferenceSession.SessionOptions {
  const { executionProvider, threads, allowCpuFallback = false, dedicatedCores = false } = options;
  return {
    executionProviders: providersOf(options),
    // Its own lines hold values of requests; what matters comes back as an error.
    logSeverityLevel: 4,
    ...(threads > 0 ? { intraOpNumThreads: threads } : {}),
    extra: {
      session: {
        // Threads that spin while they wait take the cores from the process that answers requests.
        intra_op: { allow_spinning: dedicatedCores ? '1' : '0' },
        // Otherwise onnxruntime runs on the CPU what the provider cannot, without a word.
        ...(executionProvider !== 'cpu' && !allowCpuFallback ? { disable_cpu_ep_fallback: '1' } : {}),
      },
    },
  };
}

/** Runs ONNX graphs in this thread, which is blocked meanwhile: for a model host, never for a process with sockets. */
export class OnnxBackend implements Backend {
  /** What the model takes and gives, once it is loaded. */
  signature: ModelSignature | undefined;
  private session: InferenceSession | undefined;
  private datatypes = new Map<string, Datatype>();

  constructor(private readonly options: OnnxOptions) {}

  async load(file: string): Promise<ModelSignature> {
    try {
      this.session = await InferenceSession.create(file, sessionOptions(this.options));
    } catch (error) {
      throw new ModelError('LNMT8306', error instanceof Error ? error.message : String(error), false, error);
    }
    const outputs = this.session.outputMetadata.map(specOf);
    this.datatypes = new Map(outputs.map(({ name, datatype }) => [name, datatype]));
    this.signature = { inputs: this.session.inputMetadata.map(specOf), outputs };
    return this.signature;
  }

  async run(inputs: readonly Tensor[], outputs: readonly string[]): Promise<readonly Tensor[]> {
    if (this.session === undefined) throw new Error('run before load; this is a bug');
    let results: InferenceSession.ReturnType;
    try {
      const feeds = Object.fromEntries(inputs.map((tensor) => [tensor.name, toOrt(tensor)]));
      results = await this.session.run(feeds, [...outputs]);
    } catch (error) {
      throw runFailure(
        error,
        inputs.some(({ datatype }) => datatype === 'BYTES'),
      );
    }
    return outputs.map((name) => this.resultOf(name, results[name]));
  }

  capacity(): Capacity {
    return { workers: 1, maxRows: 1 };
  }

  healthy(): boolean {
    return this.session !== undefined;
  }

  async close(): Promise<void> {
    const session = this.session;
    this.session = undefined;
    await session?.release();
  }

  private resultOf(name: string, value: OrtTensor | undefined): Tensor {
    const datatype = this.datatypes.get(name);
    if (value === undefined || datatype === undefined) throw new Error(`no output '${name}'; this is a bug`);
    return fromOrt(name, datatype, value);
  }
}
