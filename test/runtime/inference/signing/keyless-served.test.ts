import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { EXIT_CODES, inferPath, MODEL_STORE } from '../../../../runtime/contract';
import { fileOf, statementOf } from '../../support/model-statement';
import { identityModel, pushModel } from '../../support/models';
import { KEY, ServerProcess } from '../../support/process';
import { TestSigstore } from '../../support/sigstore';
import { temporaryFolder } from '../../support/temporary';

const SIGNER = { identity: 'models@example.com', issuer: 'https://login.example.com' };
const GRAPH = identityModel('FP32');

let modelUri: string;
let root: string;
let server: ServerProcess | undefined;

beforeAll(async () => {
  const sigstore = await TestSigstore.create();
  const store = temporaryFolder();
  const statement = statementOf([fileOf(MODEL_STORE.model, GRAPH)]);
  const push = (name: string, signature?: object) =>
    pushModel(store, name, '1', {
      [MODEL_STORE.model]: GRAPH,
      ...(signature && { [MODEL_STORE.signature]: Buffer.from(JSON.stringify(signature)) }),
    });
  push('signed', await sigstore.sign(statement, SIGNER));
  push('strange', await sigstore.sign(statement, { ...SIGNER, identity: 'mallory@example.com' }));
  push('bare');
  modelUri = pathToFileURL(store).href;
  root = path.join(store, 'trusted_root.json');
  fs.writeFileSync(root, JSON.stringify(sigstore.root));
});

afterEach(async () => {
  await server?.dispose();
  server = undefined;
});

function start(modelName: string, settings: Parameters<typeof ServerProcess.start>[0] = {}): ServerProcess {
  server = ServerProcess.start({
    ...{ modelName, modelVersion: '1', modelUri, signaturePolicy: 'required' },
    signatureTrustedRootFile: root,
    signatureKeylessIdentities: `${SIGNER.identity}|${SIGNER.issuer}`,
    ...settings,
  });
  return server;
}

describe('a server that trusts signers by identity', () => {
  it('serves a model that one of them signed', async () => {
    const running = start('signed');
    await running.ready();
    const answer = await fetch((await running.url()) + inferPath('signed'), {
      method: 'POST',
      headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 2] }] }),
    });
    expect(await answer.json()).toMatchObject({ outputs: [{ data: [1, 2] }] });
  });

  it('does not serve a model of somebody else, and says why', async () => {
    const running = start('strange', { signaturePolicy: 'when-present' });
    expect(await running.ended()).toBe(EXIT_CODES.failure);
    expect(running.output).toContain(
      'LNMT8312: the signature of the model is not accepted: its signer is not among those who are named',
    );
  });

  it('serves a model without a signature only where none is required', async () => {
    await start('bare', { signaturePolicy: 'when-present' }).ready();
    await server?.dispose();
    const running = start('bare');
    expect(await running.ended()).toBe(EXIT_CODES.failure);
    expect(running.output).toContain('it has none');
  });

  it('does not start without names, or with a root that is none', async () => {
    const nameless = start('signed', { signatureKeylessIdentities: '' });
    expect(await nameless.ended()).toBe(EXIT_CODES.usage);
    expect(nameless.output).toContain('anybody can have a certificate of it');
    await nameless.dispose();
    const file = path.join(temporaryFolder(), 'root.json');
    fs.writeFileSync(file, '{}');
    const rootless = start('signed', { signatureTrustedRootFile: file });
    expect(await rootless.ended()).toBe(EXIT_CODES.usage);
    expect(rootless.output).toContain('LNMT8112');
  });
});
