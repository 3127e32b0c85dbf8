import { INFERENCE_ENV, VOLUMES } from '../../contract';
import { lateBoundNeeded } from '../errors';
import type { LocalProgram } from './local-programs';
import { lateBoundIn, showLateBound } from './manifests';
import type { Service } from './services';
import type { EnvSource, Workload } from './workload';

/** What may differ from the manifest when a pod runs as a local process. Nothing else may. */
export type ReplacementKind =
  'bind address' | 'port' | 'Service name' | 'late-bound value' | 'mount root' | 'replica count';

/** One difference from the manifest, as it is printed. */
export interface Replacement {
  /** Variable or field. */
  readonly what: string;
  readonly from: string;
  readonly to: string;
  readonly kind: ReplacementKind;
}

/** Where a workload runs locally. */
export interface Surroundings {
  /** Address that local programs listen on. */
  readonly host: string;
  /** Local port of each container port. */
  readonly ports: ReadonlyMap<number, number>;
  /** Local folder of each mount path. */
  readonly folders: ReadonlyMap<string, string>;
  /** URI of the local model store. @default - the one of the manifest */
  readonly models?: string;
  /** Services whose pods run locally, with the local port of each of their ports. */
  readonly services: readonly Service[];
  /** Environment of whoever runs the command: secrets of the same name come from there. */
  readonly caller: Readonly<Record<string, string | undefined>>;
}

/** Environment of a local process, and every difference from the manifest. */
export interface LocalEnvironment {
  readonly env: Readonly<Record<string, string>>;
  readonly replacements: readonly Replacement[];
}

const UNSET = '(unset)';

/** Files of Secrets that only the cluster has: a local server speaks plain HTTP. */
const OF_SECRETS: readonly string[] = [INFERENCE_ENV.tlsCertFile.name, INFERENCE_ENV.tlsKeyFile.name];

/** The environment of a workload's process. @throws LNMT6020 for a setting that only deployment knows */
export function localEnvironment(workload: Workload, program: LocalProgram, around: Surroundings): LocalEnvironment {
  const builder = new EnvironmentBuilder(program, around);
  for (const [name, source] of workload.env) builder.take(name, source);
  builder.placeProgram(workload);
  if (workload.replicas !== 1) builder.record('replicas', String(workload.replicas), '1', 'replica count');
  return { env: builder.env, replacements: builder.replacements };
}

class EnvironmentBuilder {
  readonly env: Record<string, string> = {};
  readonly replacements: Replacement[] = [];

  constructor(
    private readonly program: LocalProgram,
    private readonly around: Surroundings,
  ) {}

  record(what: string, from: string, to: string, kind: ReplacementKind): void {
    if (from !== to) this.replacements.push({ what, from: showLateBound(from), to, kind });
  }

  /** Sets a variable from its source in the manifest. */
  take(name: string, source: EnvSource): void {
    if (source.kind === 'value') this.takeValue(name, source.value);
    else if (source.kind === 'secret') this.takeSecret(name, `Secret ${source.secret}/${source.key}`);
    else this.replace(name, `field ${source.path}`, this.around.host, 'late-bound value');
  }

  /** Settings that say where the program is, whether or not the manifest states them. */
  placeProgram(workload: Workload): void {
    const { bindAddress, ports, settings } = this.program;
    if (bindAddress !== undefined) this.set(bindAddress, this.around.host, 'bind address');
    for (const [portName, setting] of Object.entries(ports)) {
      const containerPort = workload.ports.get(portName);
      const local = containerPort === undefined ? undefined : this.around.ports.get(containerPort);
      if (local !== undefined) this.set(setting, String(local), 'port');
    }
    for (const { name, default: value } of Object.values(settings)) {
      if (this.env[name] !== undefined || value === undefined) continue;
      const local = this.localPath(value);
      if (local !== value) this.set(name, local, 'mount root', value);
    }
    const tmp = this.around.folders.get(VOLUMES.tmp);
    if (tmp !== undefined) this.replace('TMPDIR', VOLUMES.tmp, tmp, 'mount root');
  }

  private set(name: string, value: string, kind: ReplacementKind, before = '(default)'): void {
    this.replace(name, this.env[name] ?? before, value, kind);
  }

  private replace(name: string, from: string, to: string, kind: ReplacementKind): void {
    this.env[name] = to;
    this.record(name, from, to, kind);
  }

  private takeValue(name: string, value: string): void {
    const { models } = this.around;
    if (OF_SECRETS.includes(name)) return this.record(name, value, UNSET, 'late-bound value');
    if (name === this.program.modelStore && models !== undefined)
      return this.replace(name, value, models, 'mount root');
    const served = this.localServices(value);
    if (served !== value) this.record(name, value, served, 'Service name');
    if (lateBoundIn(served).length > 0) return this.dropLateBound(name, served);
    const local = this.localPath(served);
    this.replace(name, served, local, 'mount root');
  }

  private dropLateBound(name: string, value: string): void {
    const setting = Object.values(this.program.settings).find((row) => row.name === name);
    const required = setting !== undefined && !setting.optional && setting.default === undefined;
    // The store is optional to a server that is told of its models in another way; a manifest that names it needs it.
    if (required || name === this.program.modelStore) {
      throw lateBoundNeeded(name, showLateBound(value));
    }
    this.record(name, value, UNSET, 'late-bound value');
  }

  private takeSecret(name: string, from: string): void {
    const own = this.around.caller[name];
    if (own === undefined) return this.record(name, from, UNSET, 'late-bound value');
    this.env[name] = own;
    this.record(name, from, `$${name} of your environment`, 'late-bound value');
  }

  private localPath(value: string): string {
    for (const [mount, folder] of this.around.folders) {
      if (value === mount) return folder;
      if (value.startsWith(`${mount}/`)) return folder + value.slice(mount.length);
    }
    return value;
  }

  private localServices(value: string): string {
    let result = value;
    for (const { name, namespace, localPorts } of this.around.services) {
      const pattern = new RegExp(
        `(?<![\\w.-])${name}\\.${namespace}\\.svc(\\.cluster\\.local)?(?::(\\d+))?(?![\\w-])`,
        'g',
      );
      result = result.replaceAll(pattern, (whole: string, _domain: string | undefined, port: string | undefined) => {
        const local = port === undefined ? [...localPorts.values()][0] : localPorts.get(Number(port));
        return local === undefined ? whole : `${this.around.host}:${local}`;
      });
    }
    return result;
  }
}
