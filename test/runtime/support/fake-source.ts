import { ModelError } from '../../../runtime/inference/errors';
import type { Ask, ModelSettings, ModelSource, VerifiedModel } from '../../../runtime/inference/registry';
import type { ModelIdentity } from '../../../runtime/inference/data-plane';

const SPEC = { datatype: 'FP32', shape: [-1, 2] } as const;

/** A repository in memory, whose files are names only. */
export class FakeSource implements ModelSource {
  /** Name of the file of every version. */
  file = 'model.onnx';
  /** What the repository says of every model. */
  says: ModelSettings = {};
  /** Changes the content of versions, as a new digest shows it. */
  revision = 0;
  /** Bytes of weights that every version claims to have. */
  weightBytes = 0;
  /** Path of a golden file. */
  golden: string | undefined;
  /** Path of a drift baseline. */
  baseline: string | undefined;
  /** What obtaining a version fails with. */
  failure: Error | undefined;
  /** True where what was last found good is at hand. */
  hasLastGood = false;
  intact = true;
  /** What a repair fails with. */
  beyondRepair: Error | undefined;
  /** Versions that were repaired. */
  readonly repaired: string[] = [];
  readonly held = new Map<string, number>();

  /** @param models versions by name */
  constructor(readonly models: Record<string, string[]>) {}

  async settings(): Promise<ModelSettings> {
    return this.says;
  }

  async versions(name: string): Promise<readonly string[]> {
    const versions = this.models[name];
    if (versions === undefined) throw new ModelError('LNMT8301', `no model ${name}`);
    return versions;
  }

  async obtain({ name, version }: ModelIdentity, ask?: Ask): Promise<VerifiedModel> {
    const offline = this.hasLastGood && ask === 'last-good';
    if (this.failure && !offline) throw this.failure;
    const digest = `${name}/${version}/${this.revision}`;
    this.held.set(digest, (this.held.get(digest) ?? 0) + 1);
    const report = {
      ...{ irVersion: 8, producer: 'test', operatorSets: {}, operators: {}, nodes: 1, externalFiles: [] },
      inputs: [{ name: 'x', ...SPEC }],
      outputs: [{ name: 'y', ...SPEC }],
      weightBytes: this.weightBytes,
    };
    const golden = this.golden === undefined ? {} : { golden: this.golden };
    const baseline = this.baseline === undefined ? {} : { baseline: this.baseline };
    return { file: this.file, digest, fetched: true, offline, report, ...golden, ...baseline };
  }

  async recheck(): Promise<boolean> {
    return this.intact;
  }

  async repair({ name, version }: ModelIdentity): Promise<void> {
    if (this.beyondRepair) throw this.beyondRepair;
    this.repaired.push(`${name}/${version}`);
    this.intact = true;
  }

  release({ digest }: VerifiedModel): void {
    this.held.set(digest, (this.held.get(digest) ?? 0) - 1);
  }
}
