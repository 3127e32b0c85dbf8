/**
 * What an ONNX file may hold before onnxruntime sees it. Far above what real models need, far below what stops a
 * machine. Sizes in bytes.
 */
export const INSPECTOR_LIMITS = {
  /** Format versions that the onnxruntime in use reads. */
  irVersion: { least: 3, most: 13 },
  /** The graph file itself; larger weights lie in external files, as onnxruntime's own 2 GiB limit asks. */
  fileBytes: 2 ** 31,
  /** Nodes of all graphs, with the functions of the model written out. */
  nodes: 500_000,
  /** Attributes, inputs and outputs of one node. */
  nodeParts: 65_536,
  /** Constants of all graphs. */
  initializers: 500_000,
  /** Inputs, or outputs, of the model. */
  tensors: 128,
  rank: 16,
  /** Elements of a tensor that a few bytes ask for: fixed inputs and outputs, sparse constants, constant shapes. */
  elements: 2 ** 28,
  /** Elements of a tensor whose values are in the file. */
  storedElements: 2 ** 40,
  /** Graphs inside graphs. */
  graphDepth: 16,
  /** Turns of a loop whose number is written in the model. */
  loopTurns: 2 ** 31 - 1,
  functions: 10_000,
  nameBytes: 4_096,
  /** One text: documentation, or a property. */
  textBytes: 16 * 2 ** 20,
  /** Everything that is kept of a file while it is read. */
  keptBytes: 128 * 2 ** 20,
  /** Protobuf fields looked at. */
  fields: 50_000_000,
} as const;

/** Limits of an inspection. */
export type InspectorLimits = {
  readonly [K in keyof typeof INSPECTOR_LIMITS]: (typeof INSPECTOR_LIMITS)[K] extends number
    ? number
    : { readonly least: number; readonly most: number };
};

/** Operator sets that run here, with their versions. Everything else is a custom operator. */
export const OPERATOR_SETS: Readonly<Record<string, { readonly least: number; readonly most: number }>> = {
  '': { least: 7, most: 26 },
  'ai.onnx.ml': { least: 1, most: 5 },
  'com.microsoft': { least: 1, most: 1 },
};

/** Operators of the allowed sets that open files, run other code, or belong to training; with the reason. */
export const REFUSED_OPERATORS: Readonly<Record<string, string>> = {
  'com.microsoft:EPContext': 'it makes an execution provider read a compiled file',
  'com.microsoft:PythonOp': 'it runs Python',
  'com.microsoft:PythonOpGrad': 'it runs Python',
  'com.microsoft:ATen': 'it calls into PyTorch',
  'com.microsoft:TritonOp': 'it runs a compiled kernel from outside the model',
  'com.microsoft:ExternOp': 'it calls a function from outside the model',
  'com.microsoft:Snpe': 'it makes an execution provider read a compiled file',
  'com.microsoft:YieldOp': 'it belongs to training',
};
