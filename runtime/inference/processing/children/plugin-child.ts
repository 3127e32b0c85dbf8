import { pathToFileURL } from 'node:url';
import { padded } from '../../host/frames';
import type { TensorHead } from '../../host/protocol';
import type { Plugin, PluginNumbers, PluginTensor, StepTools } from '../plugins/api';
import { serveSteps } from './child';
import type { Handler } from './child';

/**
 * The process of one plugin. What a plugin does in here is its own affair: the server holds what comes out to the
 * manifest, and everything else is kept from it by the flags that this process was started with.
 */

const LENGTH_BYTES = 4;

class RefusedInput extends Error {}

const NUMBERS: Readonly<Record<string, new (buffer: ArrayBufferLike, offset: number, count: number) => PluginNumbers>> =
  {
    ...{ BOOL: Uint8Array, UINT8: Uint8Array, UINT16: Uint16Array, UINT32: Uint32Array, UINT64: BigUint64Array },
    ...{ INT8: Int8Array, INT16: Int16Array, INT32: Int32Array, INT64: BigInt64Array },
    ...{ FP16: Uint16Array, FP32: Float32Array, FP64: Float64Array },
  };
const BYTES: Readonly<Record<string, number>> = {
  ...{ BOOL: 1, UINT8: 1, UINT16: 2, UINT32: 4, UINT64: 8, INT8: 1, INT16: 2, INT32: 4, INT64: 8 },
  ...{ FP16: 2, FP32: 4, FP64: 8 },
};

const tools: StepTools = {
  texts: ({ data }) => {
    const buffer = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    const texts: string[] = [];
    for (let offset = 0; offset < buffer.length;) {
      const start = offset + LENGTH_BYTES;
      offset = start + buffer.readUInt32LE(offset);
      texts.push(buffer.toString('utf8', start, offset));
    }
    return texts;
  },
  ofTexts: (name, shape, texts) => {
    const parts = texts.flatMap((text) => {
      const bytes = Buffer.from(text, 'utf8');
      const length = Buffer.alloc(LENGTH_BYTES);
      length.writeUInt32LE(bytes.length);
      return [length, bytes];
    });
    return { name, datatype: 'BYTES', shape, data: Buffer.concat(parts) };
  },
  numbers: ({ datatype, data }) => {
    const [View, bytes] = [NUMBERS[datatype], BYTES[datatype]];
    if (View === undefined || bytes === undefined) throw new Error(`${datatype} holds no numbers`);
    return new View(data.buffer, data.byteOffset, data.byteLength / bytes);
  },
  ofNumbers: (name, datatype, shape, numbers) => {
    const data = new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
    return { name, datatype, shape, data };
  },
  refuse: () => {
    throw new RefusedInput('refused');
  },
};

/** Takes from this process what would let a plugin end others of the same user, which Node.js does not withhold. */
function disarm(): void {
  for (const name of ['kill', '_kill', '_debugProcess', '_debugEnd']) {
    Object.defineProperty(process, name, { value: undefined, writable: false, configurable: false });
  }
}

function joined(heads: readonly TensorHead[], payload: Uint8Array): Record<string, PluginTensor> {
  let offset = 0;
  return Object.fromEntries(
    heads.map(({ name, datatype, shape, bytes }) => {
      const data = payload.subarray(offset, offset + bytes);
      offset += padded(bytes);
      return [name, { name, datatype, shape, data }] as const;
    }),
  );
}

function handlerOf({ steps }: Plugin): Handler {
  return async (header, payload) => {
    const { step, heads, parameters } = header as {
      readonly step: string;
      readonly heads: readonly TensorHead[];
      readonly parameters: Readonly<Record<string, unknown>>;
    };
    const run = steps[step];
    if (run === undefined) throw new Error(`there is no step ${step}`);
    try {
      const outputs = await run(joined(heads, payload), parameters, tools);
      const answer = outputs.map(({ name, datatype, shape, data }) => ({
        head: { name, datatype, shape, bytes: data.byteLength },
        data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
      }));
      return {
        header: { type: 'answer', heads: answer.map(({ head }) => head) },
        parts: answer.map(({ data }) => data),
      };
    } catch (error) {
      if (error instanceof RefusedInput) return { header: { type: 'refused' }, parts: [] };
      throw error;
    }
  };
}

/** Exported as a module of either kind exports it. */
function exportedBy(module: { readonly default?: unknown }): Plugin {
  const value = module.default as Plugin | { readonly default: Plugin } | undefined;
  return value !== undefined && 'default' in value ? value.default : (value as Plugin);
}

serveSteps(async ({ entry, steps }) => {
  disarm();
  // The one form that loads modules of either kind.
  const plugin = exportedBy((await import(pathToFileURL(String(entry)).href)) as { readonly default?: unknown });
  const offered: Readonly<Record<string, unknown>> = plugin?.steps ?? {};
  const missing = (steps as readonly string[]).find((name) => typeof offered[name] !== 'function');
  if (missing !== undefined) throw new Error(`it exports no function for the step ${missing}`);
  return handlerOf(plugin);
});
