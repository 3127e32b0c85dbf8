import type { PeerCertificate } from 'node:tls';
import type { Counter } from 'prom-client';
import type { Principal, Scope } from './api-keys';
import type { Credentials } from './credentials';
import { forbidden, policyDenied, unauthenticated } from './errors';
import { isOver } from './jwt';

/** Who may use an operation: anyone, any caller that is known, or a caller with this scope. */
export type Access = 'public' | 'caller' | Scope;

/** The scope that an operation needs beyond a known caller; undefined where it needs none. */
export const scopeOf = (access: Access | undefined): Scope | undefined =>
  access === 'public' || access === 'caller' ? undefined : access;

/** What a caller wants to do. */
export interface Attempt {
  /** Id of the operation. */
  readonly operation: string;
  /** Scope that it needs. */
  readonly access: Scope;
  /** Model that it is about. @default - none */
  readonly model?: string | undefined;
  /** Version of that model. @default - any */
  readonly version?: string | undefined;
}

/** Says whether a known caller may do something, beyond its scopes. */
export interface Policy {
  allows(principal: Principal, attempt: Attempt): boolean;
}

/** Judges a caller for the version that is going to answer. @throws RequestError 403 */
export type Judge = (model: { readonly name: string; readonly version: string }) => void;

/** The parts that access is decided with. Where no way to prove oneself is given, authentication is off. */
export interface AccessControlOptions {
  /** Looks a presented API key up. @default - no API keys */
  readonly keys?: { find(presented: string, now: number): Principal | undefined } | undefined;
  /** Verifies a token; undefined when it is not valid. @default - no tokens */
  readonly tokens?: { verify(token: string, now: number): Promise<Principal | undefined> } | undefined;
  /** Tells who a client certificate is. @default - no client certificates */
  readonly certificates?: { identify(certificate: PeerCertificate): Principal | undefined } | undefined;
  /** @default - the scope of the operation suffices */
  readonly policy?: Policy | undefined;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Counts refusals by reason. */
  readonly failures: Counter<'reason'>;
}

const JWT = /^[\w-]+\.[\w-]+\.[\w-]*$/;
const MAX_KEY_LENGTH = 512;

/** One decision for every transport: who is it, has it the scope, does the policy agree. */
export class AccessControl {
  constructor(private readonly options: AccessControlOptions) {}

  /** False where anyone may do anything. */
  get enabled(): boolean {
    const { keys, tokens, certificates } = this.options;
    return keys !== undefined || tokens !== undefined || certificates !== undefined;
  }

  /**
   * Who it is: at once, but for tokens, whose signature takes a while.
   *
   * @returns nobody in particular where authentication is off
   * @throws RequestError 401
   */
  authenticate(credentials: Credentials): Principal | null | Promise<Principal> {
    if (!this.enabled) return null;
    const found = this.identify(credentials);
    return found instanceof Promise
      ? found.then((principal) => this.known(principal, credentials))
      : this.known(found, credentials);
  }

  /**
   * Who a caller is now that was known before: its key has to be there still and its token within its time. No signature is
   * looked at again, so it is cheap enough for each message of a stream.
   *
   * @returns what its key may do by now
   * @throws RequestError 401
   */
  renew(principal: Principal | null, credentials: Credentials): Principal | null {
    if (principal === null) return null;
    const { keys, now } = this.options;
    const { method } = principal;
    if (method === 'mtls') return principal;
    if (method === 'jwt') return this.known(isOver(principal, now()) ? undefined : principal, credentials);
    return this.known(keys?.find(credentials.presented ?? '', now()), credentials);
  }

  private known(principal: Principal | undefined, credentials: Credentials): Principal {
    if (principal !== undefined) return principal;
    const none = credentials.presented === undefined && credentials.certificate === undefined;
    this.options.failures.inc({ reason: none ? 'missing' : 'invalid' });
    throw unauthenticated();
  }

  /**
   * Whether a caller that is known may do it; anyone may where authentication is off.
   *
   * @throws RequestError 403
   */
  permit(principal: Principal | null, attempt: Attempt): void {
    const { policy, failures } = this.options;
    if (principal === null) return;
    if (policy === undefined) {
      if (principal.scopes.has(attempt.access)) return;
      failures.inc({ reason: 'scope' });
      throw forbidden(attempt.access);
    }
    if (policy.allows(principal, attempt)) return;
    failures.inc({ reason: 'policy' });
    throw policyDenied();
  }

  /**
   * Whether a caller may know of a model that a list holds, by the policy: a scope is for all models. Not being shown one
   * is no refusal, and counts as none.
   */
  shows(principal: Principal | null, attempt: Attempt): boolean {
    const { policy } = this.options;
    return principal === null || policy === undefined || policy.allows(principal, attempt);
  }

  /**
   * Judges the version that a name, an alias or a rule led to, where it is not the one that was asked for and judged;
   * undefined where no policy could say anything else.
   */
  judge(principal: Principal | null, attempt: Attempt): Judge | undefined {
    if (principal === null || this.options.policy === undefined) return undefined;
    return ({ name: model, version }) => {
      if (version !== attempt.version || model !== attempt.model)
        this.permit(principal, { ...attempt, model, version });
    };
  }

  private identify({ presented, certificate }: Credentials): Principal | undefined | Promise<Principal | undefined> {
    const { keys, tokens, certificates, now } = this.options;
    if (presented !== undefined) {
      // A presented credential decides: a wrong one is not made good by a certificate.
      if (tokens !== undefined && JWT.test(presented)) return tokens.verify(presented, now());
      if (keys !== undefined) return presented.length > MAX_KEY_LENGTH ? undefined : keys.find(presented, now());
      if (tokens !== undefined) return undefined;
    }
    return certificate && certificates?.identify(certificate);
  }
}
