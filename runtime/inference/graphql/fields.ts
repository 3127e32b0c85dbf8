import { MODEL_NAME_PATTERN } from '../../contract';
import { deadlineOf } from '../deadline';
import { invalidRequest, unknownModel } from '../errors';
import { metadataOfServer } from '../metadata';
import type { Answer } from '../registry';
import { Disclosure } from '../serving/disclosure';
import type { Question } from '../serving/disclosure';
import { BinarySection } from '../tensors/binary';
import { INLINE_MOST } from '../tensors/json';
import { readRequest } from '../tensors/request';
import type { InferenceRequest } from '../tensors/request';
import { elementsParts } from '../tensors/text';
import type { Arguments, Field, FieldCall, FieldContext, GraphQlDeps } from './context';
import { openAiFields } from './openai';
import { base64Text, bytesOf, JsonText } from './scalars';
import { subjectOf, text } from './subject';

const MICROSECONDS = 1000;

const model = (ask: (question: Question, call: FieldCall) => unknown): Field => ({
  subject: subjectOf,
  answer: (given, _context, call) => ask({ name: text(given, 'name') ?? '', version: text(given, 'version') }, call),
});

interface GivenTensor extends Arguments {
  readonly name: string;
}

/** An input in the form of REST, and the bytes that follow where it is given as such. */
function inputOf({ raw, data, ...head }: GivenTensor, parts: Buffer[]): object {
  if (raw === undefined || raw === null) return data === undefined ? head : { ...head, data };
  const bytes = bytesOf(raw);
  if (bytes === undefined) throw invalidRequest(`input ${JSON.stringify(head.name)}: raw is not Base64`);
  if (data !== undefined && data !== null) {
    throw invalidRequest(`input ${JSON.stringify(head.name)} has both data and raw`);
  }
  parts.push(bytes);
  return { ...head, parameters: { binary_data_size: bytes.length } };
}

/** The request that arguments make, held to every rule of REST. */
function requestOf(given: Arguments): InferenceRequest {
  const parts: Buffer[] = [];
  const inputs = (given['inputs'] as readonly GivenTensor[]).map((input) => inputOf(input, parts));
  const outputs = (given['outputs'] as readonly string[] | null | undefined) ?? [];
  const [timeoutMs, priority] = [given['timeoutMs'], given['priority']];
  const request = readRequest(
    {
      ...{ id: text(given, 'id'), inputs, outputs: outputs.map((name) => ({ name })) },
      parameters: {
        ...(typeof timeoutMs === 'number' ? { timeout: timeoutMs * MICROSECONDS } : {}),
        ...(typeof priority === 'number' ? { priority } : {}),
      },
    },
    new BinarySection(Buffer.concat(parts)),
    INLINE_MOST,
  );
  return { ...request, deadline: deadlineOf(request.timeoutMs) };
}

/** An answer whose elements are written where they are asked for, and once. */
function answerOf(id: string | undefined, { model: served, outputs }: Answer): object {
  return {
    ...{ modelName: served.name, modelVersion: served.version, id },
    outputs: outputs.map((tensor) => ({
      ...{ name: tensor.name, datatype: tensor.datatype, shape: tensor.shape },
      data: new JsonText(() => elementsParts(tensor)),
      raw: base64Text(tensor.data),
    })),
  };
}

async function infer(
  { models }: GraphQlDeps,
  given: Arguments,
  { trace, signal, attribute, principal }: FieldContext,
  { answering, judge }: FieldCall,
): Promise<object> {
  const { model: name = '', version } = subjectOf(given, 'model');
  models.identify(name, version);
  const request = { ...requestOf(given), trace: trace ?? undefined };
  const caller = principal ?? undefined;
  const call = { name, version, request, signal, caller, attribute, answering, judge };
  return answerOf(request.id, await models.infer(call));
}

function change({ models }: GraphQlDeps, verb: 'load' | 'unload'): Field {
  return {
    subject: subjectOf,
    answer: async (given) => {
      const name = text(given, 'name') ?? '';
      if (!MODEL_NAME_PATTERN.test(name)) throw unknownModel();
      await models[verb](name);
      return true;
    },
  };
}

/** The operations, by the field of the schema that asks for them. */
export function fieldsOf(deps: GraphQlDeps): Readonly<Record<string, Field>> {
  const { models, health } = deps;
  const disclosure = new Disclosure(models);
  return {
    'Query.serverLive': { answer: () => true },
    'Query.serverReady': { answer: () => health.ready },
    'Query.serverStarted': { answer: () => health.started },
    'Query.server': { answer: metadataOfServer },
    'Query.model': model((question, call) => disclosure.metadata(question, call)),
    'Query.modelReady': model((question, call) => disclosure.isReady(question, call)),
    'Query.modelConfig': model((question, call) => disclosure.configuration(question, call)),
    'Query.modelStatistics': {
      subject: subjectOf,
      answer: (given, _context, { shows }) => {
        const rows = models.statistics(text(given, 'name'), text(given, 'version'));
        return rows.filter(({ name, version }) => shows(name, version));
      },
    },
    'Query.infer': {
      subject: (given) => subjectOf(given, 'model'),
      answer: (given, context, call) => infer(deps, given, context, call),
    },
    'Query.repository': {
      answer: ({ readyOnly }, _context, { shows }) =>
        models.index(readyOnly === true).filter(({ name, version }) => shows(name, version)),
    },
    'Mutation.loadModel': change(deps, 'load'),
    'Mutation.unloadModel': change(deps, 'unload'),
    ...openAiFields(deps),
  };
}
