import type { ModelIdentity } from '../data-plane';
import { isUnknownModel } from '../errors';
import type { Answer } from '../registry';
import type { Infer, InferenceCall, Layer } from '../serving/layer';
import { refuseNonFinite } from './bounds';
import { isProcessingRefusal } from './errors';
import type { Processing } from './processing';
import type { Processor } from './processor';

/** Where the layer finds the steps around a model. */
export interface ProcessedModels {
  /** The steps around the version that is meant; undefined where there are none. */
  processor(name: string, version: string | undefined): Processor | undefined;
  /** The version that is meant; undefined for one that is not served. */
  known(name: string, version: string | undefined): ModelIdentity | undefined;
}

/** Takes the steps around a version. */
function processed(models: ProcessedModels, next: Infer, processor: Processor): Infer {
  return async (call) => {
    try {
      return await processor.answer(call, next);
    } catch (error) {
      // The version that it began with was replaced meanwhile, and was not named by the client.
      const now = isUnknownModel(error) ? models.processor(call.name, call.version) : undefined;
      if (now === undefined || now.model.version === processor.model.version) throw error;
      return now.answer(call, next);
    }
  };
}

/**
 * Takes the steps around models. What stands outside sees the tensors of clients, what stands inside those of graphs.
 * For a model without steps it looks that up and steps aside.
 */
export function processingLayer(models: ProcessedModels, processing: Processing): Layer {
  const counted = async (call: InferenceCall, answer: () => Promise<Answer>): Promise<Answer> => {
    try {
      return await answer();
    } catch (error) {
      const model = isProcessingRefusal(error) ? models.known(call.name, call.version) : undefined;
      if (model !== undefined && isProcessingRefusal(error)) processing.refused(model, error.code);
      throw error;
    }
  };
  return (next) => {
    const plain: Infer =
      processing.nonFinite === 'allow'
        ? next
        : (call) =>
            counted(call, async () => {
              call.request.inputs.forEach(refuseNonFinite);
              return next(call);
            });
    const process = (call: InferenceCall, processor: Processor): Promise<Answer> =>
      counted(call, () => processed(models, next, processor)(call));
    // A request may have waited for a version whose steps were not known yet: without them its answer is given to nobody.
    const unprocessed: Infer = async (call) => {
      const answer = await plain(call);
      const processor = models.processor(call.name, answer.model.version);
      return processor === undefined ? answer : process(call, processor);
    };
    return (call) => {
      const processor = models.processor(call.name, call.version);
      return processor === undefined ? unprocessed(call) : process(call, processor);
    };
  };
}
