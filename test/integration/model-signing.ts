import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { EXIT_CODES, MODEL_STORE } from '../../runtime/contract';
import { TestAuthority } from '../runtime/support/certificates';
import { identityModel } from '../runtime/support/models';
import { ServerProcess } from '../runtime/support/process';
import { TestSigstore } from '../runtime/support/sigstore';
import { run } from './processes';
import { identityToken, SigstoreServices } from './sigstore-services';
import type { Checks, Suite } from './suite';
import { installedTool, root } from './tools';

const NAME = 'signed';

function findTool(): string {
  return installedTool('model-signing-1.1.1/bin/model_signing', 'install-model-signing.sh');
}

/** What the suite works with: the tool, and a model in a folder with keys beside it. */
class Workshop {
  readonly model: string;
  readonly store: string;
  private readonly key: string;
  readonly keys: string;

  constructor(
    private readonly tool: string,
    private readonly folder: string,
  ) {
    this.model = path.join(folder, 'model');
    this.store = path.join(folder, 'store');
    fs.mkdirSync(this.model);
    fs.writeFileSync(path.join(this.model, MODEL_STORE.model), identityModel('FP32'));
    fs.writeFileSync(path.join(this.model, 'labels.txt'), 'zero\none\n');
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
    this.key = this.file('key.pem', privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
    this.keys = this.file('pub.pem', createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }).toString());
  }

  file(name: string, text: string): string {
    const file = path.join(this.folder, name);
    fs.writeFileSync(file, text);
    return file;
  }

  async sign(...how: readonly string[]): Promise<void> {
    const by = how.length > 0 ? how : ['key', '--private_key', this.key];
    const [kind = '', ...options] = by;
    const signature = path.join(this.model, MODEL_STORE.signature);
    await must(this.tool, ['sign', kind, this.model, ...options, '--signature', signature]);
  }

  /** The reference tool looks at what lies in the store. */
  async verify(version: string, ...how: readonly string[]): Promise<void> {
    const pushed = path.join(this.store, NAME, version);
    const [kind = '', ...options] = how.length > 0 ? how : ['key', '--public_key', this.keys];
    const signature = ['--signature', path.join(pushed, MODEL_STORE.signature)];
    const ignored = ['--ignore-paths', path.join(pushed, MODEL_STORE.manifest)];
    await must(this.tool, ['verify', kind, pushed, ...signature, ...options, ...ignored]);
  }

  async push(version: string): Promise<void> {
    const graph = path.join(this.model, MODEL_STORE.model);
    const command = ['runtime/cli/main.ts', 'model', 'push', NAME, graph, '--version', version];
    await must('npx', ['tsx', ...command, '--store', pathToFileURL(this.store).href]);
  }

  serve(version: string, trusted: Parameters<typeof ServerProcess.start>[0]): ServerProcess {
    const modelUri = pathToFileURL(this.store).href;
    return ServerProcess.start({
      modelName: NAME,
      modelVersion: version,
      modelUri,
      signaturePolicy: 'required',
      ...trusted,
    });
  }
}

async function must(program: string, args: readonly string[]): Promise<void> {
  const outcome = await run(program, [...args], { timeoutMs: 60_000, cwd: root });
  if (outcome.code !== 0) throw new Error(`${path.basename(program)} ${args[0]}: ${outcome.output}`);
}

async function served(server: ServerProcess): Promise<void> {
  try {
    await server.ready();
  } finally {
    await server.dispose();
  }
}

async function refused(server: ServerProcess, message: string): Promise<void> {
  try {
    const code = await server.ended();
    if (code !== EXIT_CODES.failure) throw new Error(`ended with ${String(code)}`);
    if (!server.output.includes(message)) throw new Error(server.output);
  } finally {
    await server.dispose();
  }
}

async function checkSigning(checks: Checks): Promise<void> {
  let workshop: Workshop | undefined;
  await checks.check('the reference tool signs a model and lnmt pushes it', async () => {
    workshop = new Workshop(findTool(), checks.folder);
    await workshop.sign();
    await workshop.push('1');
    await workshop.verify('1');
  });
  if (workshop === undefined) return;
  const { keys, store } = workshop;
  const use = workshop;
  await checks.check('a server that wants signed models serves it', () =>
    served(use.serve('1', { signatureKeysFile: keys })),
  );
  await checks.check('it refuses the model with another file exchanged', async () => {
    fs.cpSync(path.join(store, NAME, '1'), path.join(store, NAME, '2'), { recursive: true });
    const manifest = path.join(store, NAME, '2', MODEL_STORE.manifest);
    const { files } = JSON.parse(fs.readFileSync(manifest, 'utf8')) as { files: { path: string }[] };
    fs.writeFileSync(manifest, JSON.stringify({ files: files.filter((file) => file.path !== 'labels.txt') }));
    await refused(use.serve('2', { signatureKeysFile: keys }), 'LNMT8312');
  });
  await checks.check('it serves what was signed with a certificate, and nobody else’s', async () => {
    const authority = new TestAuthority('makers');
    const { cert, key } = authority.issue('maker', ['URI:https://ci.example.com/models'], 'codeSigning');
    const [certificate, secret] = [use.file('cert.pem', cert), use.file('cert-key.pem', key)];
    const ca = use.file('ca.pem', authority.cert);
    const options = ['--signing_certificate', certificate, '--certificate_chain', ca];
    await use.sign('certificate', '--private_key', secret, ...options);
    await use.push('3');
    const other = use.file('other-ca.pem', new TestAuthority('makers').cert);
    await served(use.serve('3', { signatureCaFile: ca, signatureIdentities: 'https://ci.example.com/models' }));
    await refused(use.serve('3', { signatureCaFile: other }), 'no trusted authority');
  });
  await checks.check(
    'it serves what the tool signed by identity, as the tool itself verifies it, and nobody else’s',
    () => checkKeyless(use),
  );
}

const SIGNER = { identity: 'https://ci.example.com/release', issuer: 'https://token.example.com' };

/** Authority and log are ours, on this machine; tool and server have the same root and no network. */
async function checkKeyless(workshop: Workshop): Promise<void> {
  const services = await SigstoreServices.start();
  const { identity, issuer } = SIGNER;
  try {
    const config = ['--trust_config', workshop.file('trust.json', services.trustConfig)];
    await workshop.sign('sigstore', ...config, '--identity_token', identityToken(issuer, identity));
    await workshop.push('4');
    await workshop.verify('4', 'sigstore', ...config, '--identity', identity, '--identity_provider', issuer);
  } finally {
    await services.close();
  }
  const serve = (signatureTrustedRootFile: string, signatureKeylessIdentities: string): ServerProcess =>
    workshop.serve('4', { signatureTrustedRootFile, signatureKeylessIdentities });
  const root = workshop.file('root.json', JSON.stringify(services.sigstore.root));
  await served(serve(root, `${identity}|${issuer}`));
  await refused(serve(root, `${identity}|https://other.example.com`), 'not among those who are named');
  await refused(serve(root, `${identity}x|${issuer}`), 'not among those who are named');
  const other = workshop.file('other-root.json', JSON.stringify((await TestSigstore.create()).root));
  await refused(serve(other, `${identity}|${issuer}`), 'no trusted authority');
}

/** Models signed by the reference tool of the specification. */
export const modelSigning: Suite = { name: 'model-signing', timeoutMinutes: 5, run: checkSigning };
