/** Codes of what the inspector refuses. They appear in the server's log and in `lnmt explain`. */
export const INSPECTOR_ERRORS = {
  LNMT8321: {
    title: 'the file is not a well-formed ONNX model',
    explanation:
      'It is cut short, has bytes that belong to no field, repeats a field that exists once, or is another kind of file. Export the model again.',
  },
  LNMT8322: {
    title: 'the model needs an operator set that is not served',
    explanation:
      'Served are ai.onnx 7 to 26, ai.onnx.ml 1 to 5 and com.microsoft 1, without the operators that open files or run other code. Export for one of those; custom operators are refused.',
  },
  LNMT8323: {
    title: 'the external weights of the model are not safe to read',
    explanation:
      'Weights lie in regular files beside the model, named in its manifest by plain relative paths, long enough for every range that the graph reads; links are refused. Save the model again with its weights beside it and push that.',
  },
  LNMT8324: {
    title: 'the model asks for more than a model may',
    explanation:
      'Counts of nodes, tensors and dimensions, sizes of names and texts, and tensors that a constant shape would make are bounded. The message names the bound and what the model asks for.',
  },
  LNMT8325: {
    title: 'the control flow of the model is not bounded',
    explanation:
      'A loop states how often it turns, or ends by a condition that it computes; graphs are nested at most 16 deep, and functions do not call themselves.',
  },
  LNMT8326: {
    title: 'an input or output of the model has a type that is not served',
    explanation:
      'Served are tensors of BOOL, integers, FP16, FP32, FP64 and strings. Wrap a BF16 input or output with Cast (`lnmt model optimize`), and export classifiers without ZipMap.',
  },
  LNMT8327: {
    title: 'the model could not be inspected',
    explanation:
      'The file cannot be opened, as with a link where a server wants a file, or reading the graph took longer or more memory than any real model needs. The message says which. Check the file.',
  },
} as const;

/** One of {@link INSPECTOR_ERRORS}. */
export type InspectorCode = keyof typeof INSPECTOR_ERRORS;

/** A model that onnxruntime must not see. For operators: the message may name tensors and nodes. */
export class InspectionError extends Error {
  constructor(
    readonly code: InspectorCode,
    /** What is wrong, without the code. */
    readonly what: string,
  ) {
    super(`${code}: ${INSPECTOR_ERRORS[code].title}: ${what}`);
    this.name = 'InspectionError';
  }
}

/** The bytes are no ONNX model. */
export const malformed = (what: string): InspectionError => new InspectionError('LNMT8321', what);

/** An operator that is not served. */
export const refusedOperator = (what: string): InspectionError => new InspectionError('LNMT8322', what);

/** External weights that must not be read. */
export const unsafeWeights = (what: string): InspectionError => new InspectionError('LNMT8323', what);

/** More than a model may ask for. */
export const tooMuch = (what: string, got: number | bigint, most: number): InspectionError =>
  new InspectionError('LNMT8324', `${what}: got ${got}, at most ${most}`);

/** Control flow without bound. */
export const unbounded = (what: string): InspectionError => new InspectionError('LNMT8325', what);

/** A type that has no place in the protocol. */
export const refusedType = (what: string): InspectionError => new InspectionError('LNMT8326', what);

/** The inspection itself took too much. */
export const inspectionFailed = (what: string): InspectionError => new InspectionError('LNMT8327', what);
