import { X509Certificate } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { entryOf, TestSigstore } from '../runtime/support/sigstore';

/** What the tools of Sigstore ask for, on one loopback port, with a root of its own. */
export class SigstoreServices {
  private constructor(
    private readonly server: http.Server,
    readonly sigstore: TestSigstore,
  ) {}

  static async start(): Promise<SigstoreServices> {
    const sigstore = await TestSigstore.create();
    const server = http.createServer((request, response) => {
      answer(sigstore, request).then(
        (text) => response.writeHead(request.method === 'POST' ? 201 : 200, JSON_TYPE).end(text),
        (error: unknown) => response.writeHead(400, JSON_TYPE).end(JSON.stringify({ message: String(error) })),
      );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new SigstoreServices(server, sigstore);
  }

  /** What the reference tool takes as `--trust_config`. */
  get trustConfig(): string {
    const url = `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
    const services = [{ url, majorApiVersion: 1, validFor: { start: '2020-01-01T00:00:00Z' }, operator: 'test' }];
    return JSON.stringify({
      mediaType: 'application/vnd.dev.sigstore.clienttrustconfig.v0.1+json',
      trustedRoot: this.sigstore.root,
      signingConfig: {
        mediaType: 'application/vnd.dev.sigstore.signingconfig.v0.2+json',
        ...{ caUrls: services, oidcUrls: services, rekorTlogUrls: services, tsaUrls: [] },
        ...{ rekorTlogConfig: { selector: 'ANY' }, tsaConfig: { selector: 'ANY' } },
      },
    });
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

/** A token as an identity provider gives it; nobody of ours looks at its signature. */
export function identityToken(issuer: string, subject: string): string {
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: issuer, sub: subject, aud: 'sigstore', iat: now, exp: now + 600 };
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'RS256', typ: 'JWT' })}.${part(claims)}.${Buffer.from('none').toString('base64url')}`;
}

const JSON_TYPE = { 'content-type': 'application/json' };

async function answer(sigstore: TestSigstore, request: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  switch (request.url ?? '') {
    case '/.well-known/openid-configuration':
      return JSON.stringify({ authorization_endpoint: 'http://127.0.0.1:9', token_endpoint: 'http://127.0.0.1:9' });
    case '/api/v2/signingCert':
      return certificate(sigstore, text, request.headers.authorization ?? '');
    case '/api/v1/log/entries':
      return JSON.stringify(await sigstore.log(entryFor(text)));
    default:
      throw new Error(`there is no ${String(request.url)}`);
  }
}

/** Clients send the request in base64, and the token in a header. */
function certificate(sigstore: TestSigstore, text: string, authorization: string): Promise<string> {
  const { certificateSigningRequest } = JSON.parse(text) as { readonly certificateSigningRequest: string };
  const credentials = { oidcIdentityToken: authorization.replace('Bearer ', '') };
  const request = Buffer.from(certificateSigningRequest, 'base64').toString();
  return sigstore.requestCertificate(JSON.stringify({ certificateSigningRequest: request, credentials }));
}

interface Proposal {
  readonly spec: { readonly proposedContent: { readonly envelope: string; readonly verifiers: readonly string[] } };
}

/** A log keeps digests of what it is sent. */
function entryFor(text: string): object {
  const { envelope, verifiers } = (JSON.parse(text) as Proposal).spec.proposedContent;
  const { payload, signatures } = JSON.parse(envelope) as {
    readonly payload: string;
    readonly signatures: readonly { readonly sig: string }[];
  };
  return entryOf({
    payload: Buffer.from(payload, 'base64'),
    signature: Buffer.from(signatures[0]?.sig ?? '', 'base64'),
    certificate: new X509Certificate(Buffer.from(verifiers[0] ?? '', 'base64')),
    envelope: Buffer.from(envelope),
  });
}
