import fastify from 'fastify';
import { describe, expect, it } from 'vitest';
import { INFERENCE_ERRORS, MODEL_ERRORS, ModelError } from '../../../runtime/inference/errors';
import * as inferenceErrors from '../../../runtime/inference/errors';
import { errorPlugin, toRequestError } from '../../../runtime/shared/error-plugin';
import { KeyFileError } from '../../../runtime/shared/api-keys';
import { EnvError } from '../../../runtime/shared/env';
import { GRAPHQL_ERRORS } from '../../../runtime/inference/graphql/errors';
import { INSPECTOR_ERRORS } from '../../../runtime/inference/inspector';
import { REGISTRY_ERRORS } from '../../../runtime/inference/registry/errors';
import { TRAFFIC_ERRORS } from '../../../runtime/inference/traffic/errors';
import * as errors from '../../../runtime/shared/errors';
import { hardenedOptions, HTTP_LIMITS, limitsPlugin } from '../../../runtime/shared/limits';

describe('errors that clients see', () => {
  it.each([
    [errors.unauthenticated(), 401, 'LNMT8001', 'a valid API key or token is needed', undefined],
    [errors.forbidden('infer'), 403, 'LNMT8002', "the caller lacks the scope 'infer'", undefined],
    [errors.tooBusy(5), 429, 'LNMT8003', 'the limit of 5 concurrent requests is reached; repeat later', 1],
    [errors.notReady('starting'), 503, 'LNMT8004', 'the server is starting; repeat later', 1],
    [errors.notFound(), 404, 'LNMT8005', 'there is nothing at this path', undefined],
    [errors.badRequest('the URL cannot be read'), 400, 'LNMT8006', 'the URL cannot be read', undefined],
    [errors.bodyTooLarge(9), 413, 'LNMT8007', 'the request body is larger than 9 bytes', undefined],
    [errors.unsupportedMediaType('x', 'y'), 415, 'LNMT8008', 'x is not supported; send y', undefined],
    [errors.requestHeadTooLarge('more than 1 headers'), 431, 'LNMT8009', 'more than 1 headers', undefined],
    [errors.internalError(new Error('inner')), 500, 'LNMT8010', 'the server failed', undefined],
    [errors.badJson('the body is not UTF-8'), 400, 'LNMT8011', 'the body is not UTF-8', undefined],
    [errors.overLimit('the rate is exceeded', 3), 429, 'LNMT8012', 'the rate is exceeded; repeat later', 3],
    [
      ...[errors.issuerUnavailable(1), 503, 'LNMT8013'],
      ...['tokens cannot be verified at the moment; repeat later', 5],
    ] as const,
    [errors.methodNotAllowed(), 405, 'LNMT8014', 'the method is not allowed on this path', undefined],
    [
      ...[errors.expandsTooMuch(20), 413, 'LNMT8015'],
      ...['the body grows to more than 20 times its length when it is decompressed', undefined],
    ] as const,
    [errors.policyDenied(), 403, 'LNMT8016', 'the policy does not allow this', undefined],
    [errors.tooSlow(30), 408, 'LNMT8019', 'the request did not arrive within 30 s', undefined],
    [inferenceErrors.invalidRequest('id is not a string'), 400, 'LNMT8201', 'id is not a string', undefined],
    [inferenceErrors.unknownModel(), 404, 'LNMT8202', 'the model or version is not served here', undefined],
    [inferenceErrors.signatureMismatch('input "x" is missing'), 400, 'LNMT8203', 'input "x" is missing', undefined],
    [inferenceErrors.modelRefused(1), 422, 'LNMT8204', 'the model cannot be run on this input', undefined],
    [inferenceErrors.runTimedOut(2), 504, 'LNMT8205', 'the model ran longer than 2 s', 1],
    [inferenceErrors.modelProcessLost(), 503, 'LNMT8206', 'the model process ended during the run; repeat later', 1],
    [
      ...[inferenceErrors.modelOutOfMemory('6 GB of /dev/gpu0'), 503, 'LNMT8208'],
      ...['the model has no memory left for this input; send less at once or repeat later', 1],
    ] as const,
    [inferenceErrors.clientGone(), 499, 'LNMT8207', 'the client left', undefined],
    [
      ...[inferenceErrors.tooManyElements(9), 413, 'LNMT8209'],
      'the elements and entries of the message would take more than 9 bytes; send large tensors in raw_input_contents',
      undefined,
    ] as const,
    [
      ...[inferenceErrors.tooManyValues('fields', 9), 413, 'LNMT8209'],
      ...['the message has more than 9 fields; send large tensors in raw_input_contents', undefined],
    ] as const,
    [
      ...[inferenceErrors.tensorsTooLarge('outputs', 9, 8), 422, 'LNMT8210'],
      ...['the outputs have 9 bytes, and 8 are possible; send less at once', undefined],
    ] as const,
    [
      ...[inferenceErrors.answerTooLong(9), 413, 'LNMT8215'],
      'the answer has more than 9 bytes as JSON; set the parameter binary_data_output (over GraphQL ask for raw), or send fewer rows',
      undefined,
    ] as const,
    [
      ...[inferenceErrors.messageTooLong(9, 8), 413, 'LNMT8216'],
      'the answer takes up to 9 bytes as a message, and 8 are possible; ask for fewer outputs, send fewer rows, or ask over HTTP',
      undefined,
    ] as const,
  ])('have a status, a code, a message and a time to repeat: %s', (error, status, code, message, retryAfter) => {
    expect({ ...error, message: error.message }).toMatchObject({ status, code, message });
    expect(error.retryAfter).toBe(retryAfter);
  });

  it('have a code of their own in every table, with a title and an explanation', () => {
    const tables: Readonly<Record<string, { title: string; explanation: string }>>[] = [
      errors.SERVER_ERRORS,
      errors.START_ERRORS,
      INFERENCE_ERRORS,
      MODEL_ERRORS,
      INSPECTOR_ERRORS,
      REGISTRY_ERRORS,
      GRAPHQL_ERRORS,
      TRAFFIC_ERRORS,
    ];
    const codes = tables.flatMap((table) => Object.keys(table));
    expect(new Set(codes).size).toBe(codes.length);
    for (const { title, explanation } of tables.flatMap((table) => Object.values(table))) {
      expect(title).toMatch(/^[^A-Z].*[^.]$/);
      expect(explanation).toMatch(/[.]$/);
    }
  });

  it('tell nothing of what went wrong inside', () => {
    const error = toRequestError(new Error('connect ECONNREFUSED 10.0.0.5:5432 at /app/dist/x.js'), 1);
    expect([error.status, error.message]).toEqual([500, 'the server failed']);
  });

  it.each([
    ['FST_ERR_CTP_BODY_TOO_LARGE', 413],
    ['FST_ERR_CTP_INVALID_MEDIA_TYPE', 415],
    ['FST_ERR_CTP_INVALID_CONTENT_LENGTH', 400],
    ['FST_ERR_CTP_EMPTY_JSON_BODY', 400],
  ])('of the HTTP framework are translated: %s', (code, status) => {
    expect(toRequestError(Object.assign(new Error('x'), { code }), 1).status).toBe(status);
  });
});

describe('errors that operators see', () => {
  it('start with their code and say what, where and why', () => {
    const error = new ModelError('LNMT8303', 'model.onnx has 3 of 5 bytes');
    expect(error.message).toBe('LNMT8303: a file of the model differs from its manifest: model.onnx has 3 of 5 bytes');
    expect(error.retryable).toBe(false);
    expect(new EnvError(['A is not set', 'B is not set']).message).toBe(
      'LNMT8101: the configuration is wrong\nA is not set\nB is not set',
    );
    expect(new KeyFileError('it is not JSON').message).toBe(
      'LNMT8102: the API-key file cannot be used: it is not JSON',
    );
  });
});

describe('a hardened HTTP server', () => {
  it('has every timeout on, and bounds headers', async () => {
    const app = fastify(hardenedOptions(1024));
    await app.register(errorPlugin, { maxRequestBytes: 1024 });
    await app.register(limitsPlugin);
    await app.ready();
    const { requestTimeout, headersTimeout, keepAliveTimeout } = app.server;
    expect(requestTimeout).toBe(HTTP_LIMITS.requestTimeout);
    expect(headersTimeout).toBe(HTTP_LIMITS.headersTimeout);
    expect(keepAliveTimeout).toBe(HTTP_LIMITS.keepAliveTimeout);
    expect(Math.min(requestTimeout, headersTimeout)).toBeGreaterThan(0);
    await app.close();
  });

  it.each([
    ['/%zz', 400],
    [`/a/${'x'.repeat(200)}`, 400],
    ['//', 404],
  ])('answers %s with %i in the form of every error', async (url, status) => {
    const app = fastify(hardenedOptions(1024));
    await app.register(errorPlugin, { maxRequestBytes: 1024 });
    await app.register(limitsPlugin);
    app.get('/a/:name', () => '');
    const answer = await app.inject({ url });
    expect(answer.statusCode).toBe(status);
    expect(Object.keys(answer.json<object>())).toEqual(['error']);
    await app.close();
  });
});
