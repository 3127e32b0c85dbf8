import path from 'node:path';
import { PATHS } from '../../contract';
import type { Io } from '../io';
import { note } from '../io';
import { ask, jsonOf } from '../http';
import { at, text } from '../json';
import { accessOf } from './access';
import type { Access } from './access';
import { serverEnvironment } from './environment';
import { findModels } from './find-models';
import type { FoundModel } from './find-models';
import { choosePorts, urlOf } from './place';
import type { ChosenPorts } from './place';
import { LocalServer } from './local-server';
import { graphFiles, TemporaryStore } from './temporary-store';
import type { GraphFiles } from './temporary-store';
import { Watcher } from './watch';
import type { Watched } from './watch';
import { watchBudget } from './watch-budget';

/** What is served, where, and to whom. */
export interface ServeSettings {
  /** Files and folders. */
  readonly places: readonly string[];
  readonly host: string;
  /** @default - the default port of the server, else the next that is free */
  readonly port?: number;
  /** @default - no gRPC */
  readonly grpcPort?: number;
  /** @default - from the name of the file */
  readonly name?: string;
  /** @default - 1 for files, the repository's own choice for folders */
  readonly version?: string;
  /** @default - the server chooses */
  readonly workers?: string;
  /** @default - anyone on this machine may call */
  readonly apiKeys?: string;
  readonly watch: boolean;
}

const RELOAD_MS = 600_000;

const message = (error: unknown): string => (error instanceof Error ? error.message : String(error));

interface SessionParts {
  readonly models: readonly FoundModel[];
  readonly access: Access;
  readonly ports: ChosenPorts;
  readonly store: TemporaryStore;
}

/** A server for files, from the copy of the files to the end of the process. */
export class ServeSession {
  /** Base URL for this machine. */
  readonly url: string;
  private readonly versions = new Map<string, number>();
  private readonly ending = new AbortController();
  private watcher: Watcher | undefined;

  private constructor(
    private readonly io: Io,
    private readonly settings: ServeSettings,
    private readonly parts: SessionParts,
    private readonly server: LocalServer,
  ) {
    this.url = urlOf(settings.host, parts.ports.http);
    for (const { kind, name } of parts.models) {
      if (kind === 'graph') this.versions.set(name, Number(settings.version ?? 1));
    }
  }

  /** What is served. */
  get models(): readonly FoundModel[] {
    return this.parts.models;
  }

  /** Who may call. */
  get access(): Access {
    return this.parts.access;
  }

  /** Where it listens. */
  get ports(): ChosenPorts {
    return this.parts.ports;
  }

  /**
   * Copies the models and starts the server. Call {@link close} in any case. Undefined where the signal came before the server.
   *
   * @throws LNMT6051, LNMT6052, LNMT6053, LNMT6056, LNMT6057, LNMT6058, LNMT6012, LNMT6015, LNMT6024
   */
  static async start(io: Io, settings: ServeSettings, signal: AbortSignal): Promise<ServeSession | undefined> {
    const { host, port: http, grpcPort: grpc, version } = settings;
    const file = settings.apiKeys === undefined ? undefined : path.resolve(io.cwd, settings.apiKeys);
    const access = accessOf(host, file);
    const models = findModels(io.cwd, settings.places, settings.name);
    const graphs = models.flatMap((model) => (model.kind === 'graph' ? [graphFiles(model.name, model.graph)] : []));
    const ports = await choosePorts({ host, http, grpc });
    const store = TemporaryStore.create();
    try {
      for (const graph of graphs) await store.publish(graph, Number(version ?? 1), signal);
      if (signal.aborted) {
        store.remove();
        return undefined;
      }
      store.list(models, version);
      if (file !== undefined) store.writeKeys(access.keys());
      const { workers, watch } = settings;
      const parts = {
        ...{ caller: io.env, host, ports, access, store },
        ...(workers === undefined ? {} : { workers }),
        ...(watch ? { cacheBytes: watchBudget(models, graphs) } : {}),
      };
      const server = new LocalServer({
        ...{ cwd: io.cwd, node: io.node, env: serverEnvironment(parts), url: urlOf(host, ports.http) },
        models: models.map(({ name }) => name),
        onLine: (line) => note(io, `[server] ${line}`),
      });
      return new ServeSession(io, settings, { models, access, ports, store }, server);
    } catch (error) {
      store.remove();
      throw error;
    }
  }

  /** Resolves when every model is ready, or the signal says to stop waiting. @throws LNMT6054 */
  async ready(signal: AbortSignal): Promise<void> {
    await this.server.ready(signal);
    if (!signal.aborted) this.watcher = new Watcher(this.watched());
  }

  /** Rejects when the server ends by itself. @throws LNMT6055 */
  gone(): Promise<never> {
    return this.server.gone();
  }

  /** Lets requests in flight end, ends the server and removes all files. True when no request was cut. */
  async close(): Promise<boolean> {
    this.ending.abort();
    await this.watcher?.close();
    try {
      return await this.server.stop();
    } finally {
      this.parts.store.remove();
    }
  }

  /** Cuts the waiting of {@link close} short. */
  hurry(): void {
    this.server.hurry();
  }

  private watched(): readonly Watched[] {
    const { file } = this.access;
    // Keys that were taken back must not work on, whether models are watched or not.
    const keys = file === undefined ? [] : [{ places: () => [file], changed: () => this.renewKeys() }];
    if (!this.settings.watch) return keys;
    return [...keys, ...this.models.map((model) => this.watchedModel(model))];
  }

  private watchedModel(model: FoundModel): Watched {
    if (model.kind === 'stored') {
      const folder = path.join(model.repository, model.name);
      return { places: () => [folder], changed: async () => void (await this.reload(model.name)) };
    }
    let known = graphFiles(model.name, model.graph);
    return {
      places: () => known.files.map(({ source }) => source),
      changed: async () => {
        try {
          known = graphFiles(model.name, model.graph);
          await this.replace(known);
        } catch (error) {
          note(this.io, `${model.name}: ${message(error)}; version ${this.versions.get(model.name)} serves on`);
        }
      },
    };
  }

  private async renewKeys(): Promise<void> {
    try {
      this.parts.store.writeKeys(this.access.keys());
      note(this.io, 'API keys read again');
    } catch (error) {
      note(this.io, `${message(error)}; the keys from before stay`);
    }
  }

  /** Publishes the next version and switches to it; the old one serves until the new one does. */
  private async replace(graph: GraphFiles): Promise<void> {
    const before = this.versions.get(graph.name) ?? 1;
    const next = before + 1;
    await this.parts.store.publish(graph, next, this.ending.signal);
    if (this.ending.signal.aborted) return;
    if (await this.reload(graph.name, next)) {
      this.versions.set(graph.name, next);
      this.parts.store.withdraw(graph.name, before);
    } else {
      this.parts.store.withdraw(graph.name, next);
    }
  }

  private async reload(name: string, version?: number): Promise<boolean> {
    const url = `${this.url}${PATHS.repository}/models/${encodeURIComponent(name)}/load`;
    const request = { method: 'POST', headers: this.access.headers, timeoutMs: RELOAD_MS } as const;
    const answer = await ask(url, request).catch((error: unknown) => ({ status: 0, text: message(error) }));
    const ok = answer.status === 200;
    const reason = text(at(jsonOf(answer), 'error')) ?? answer.text;
    const now = version === undefined ? 'loaded again' : `version ${version} serves now`;
    note(this.io, `${name}: ${ok ? now : `not replaced: ${reason}; what served before serves on`}`);
    return ok;
  }
}
