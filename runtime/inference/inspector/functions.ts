import { tooMuch, unbounded } from './errors';

/** What a function of the model does, as far as its size is concerned. */
export interface FunctionBody {
  /** Nodes of its own, with those of the graphs inside. */
  readonly nodes: number;
  /** Keys of the functions that it calls, once for each call. */
  readonly calls: readonly string[];
}

const DEPTH = 256;

/**
 * Number of nodes with every call written out, as onnxruntime writes it: functions that call functions grow without
 * bound from a few bytes.
 *
 * @throws InspectionError for functions that call themselves, and beyond `most`
 */
export function writtenOut(main: FunctionBody, functions: ReadonlyMap<string, FunctionBody>, most: number): number {
  const sizes = new Map<string, number>();
  const open = new Set<string>();
  const sizeOf = (key: string, body: FunctionBody): number => {
    const known = sizes.get(key);
    if (known !== undefined) return known;
    if (open.has(key)) throw unbounded(`the function ${key} calls itself`);
    if (open.size > DEPTH) throw unbounded(`functions call one another more than ${DEPTH} deep`);
    open.add(key);
    let size = body.nodes;
    for (const call of body.calls) {
      const callee = functions.get(call);
      if (callee !== undefined) size += sizeOf(call, callee);
      if (size > most) throw tooMuch('nodes', size, most);
    }
    open.delete(key);
    sizes.set(key, size);
    return size;
  };
  return sizeOf('', main);
}
