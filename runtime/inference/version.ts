/** Name in server metadata. */
export const SERVER_NAME = 'lnmt-inference';

/** Version in server metadata: that of the package. */
export const SERVER_VERSION = '0.1.0';

/** Platform in model metadata. */
export const PLATFORM = 'onnxruntime_onnx';

/** Backend in model configurations. */
export const BACKEND = 'onnxruntime';

/** Extensions of the protocol that are spoken. */
export const EXTENSIONS: readonly string[] = [
  ...['binary_tensor_data', 'schedule_policy', 'model_repository', 'model_configuration', 'statistics'],
];
