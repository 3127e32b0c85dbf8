import { noMemory, noMemoryBeside, notLoaded } from './errors';
import type { LoadedModel } from './loaded-model';
import { chooseVictims } from './memory-budget';

/** How many milliseconds a model that must go may finish what it is doing. */
const DRAIN_MS = 60_000;

/** What a model that comes into memory says of others. */
export interface Admission {
  /** Called when the model has to go, before it is drained. */
  readonly forget: (model: LoadedModel) => void;
  /** A model that must not make room for it. @default - each may have to */
  readonly staying?: LoadedModel | undefined;
}

/** The models in memory, under a budget in bytes. A place is taken before a model is loaded, not after. */
export class Residents {
  private readonly models = new Map<LoadedModel, () => void>();
  private promised = 0;
  private loading = 0;
  private closed = false;
  private turn: Promise<void> = Promise.resolve();
  private changed: () => void = () => undefined;

  /**
   * @param budget bytes; 0 is none
   * @param evicted is told of each model that had to go
   */
  constructor(
    private readonly budget: number,
    private readonly evicted: (model: LoadedModel) => void,
  ) {}

  /**
   * Makes room, then loads, then takes the model in.
   *
   * @throws RequestError when the room is held by models that stay, or none is taken in any more
   */
  async admit(needed: number, load: () => Promise<LoadedModel>, { forget, staying }: Admission): Promise<LoadedModel> {
    await this.inTurn(() => this.makeRoom(needed, staying));
    try {
      const model = await load();
      if (this.closed) {
        await model.retire(0);
        throw notLoaded();
      }
      this.models.set(model, () => forget(model));
      return model;
    } finally {
      this.promised -= needed;
      this.loading -= 1;
      this.changed();
      // What was promised was an estimate.
      void this.inTurn(() => this.trim()).catch(() => undefined);
    }
  }

  /** Lets a model go: it finishes its work and ends. */
  async dismiss(model: LoadedModel): Promise<void> {
    try {
      await model.retire(DRAIN_MS);
    } finally {
      this.models.delete(model);
      this.changed();
    }
  }

  /** Ends all models now. One that is being loaded is ended when it is. */
  async close(): Promise<void> {
    this.closed = true;
    await Promise.all([...this.models.keys()].map((model) => model.retire(0)));
  }

  private inTurn(work: () => Promise<void>): Promise<void> {
    const mine = this.turn.then(work);
    this.turn = mine.catch(() => undefined);
    return mine;
  }

  private async makeRoom(needed: number, staying: LoadedModel | undefined): Promise<void> {
    if (this.closed) throw notLoaded();
    for (;;) {
      const victims = chooseVictims([...this.models.keys()], needed + this.promised, this.budget, staying);
      if (victims !== undefined) {
        await this.evict(victims);
        break;
      }
      // Whatever is being loaded may have to go again; until then there is nothing to choose from.
      if (this.loading === 0) {
        throw staying ? noMemoryBeside(needed, staying.bytes, this.budget) : noMemory(needed, this.budget);
      }
      await new Promise<void>((resolve) => (this.changed = resolve));
    }
    this.promised += needed;
    this.loading += 1;
  }

  private async trim(): Promise<void> {
    await this.evict(chooseVictims([...this.models.keys()], this.promised, this.budget) ?? []);
  }

  private async evict(victims: readonly LoadedModel[]): Promise<void> {
    await Promise.all(
      victims.map(async (victim) => {
        this.models.get(victim)?.();
        this.evicted(victim);
        await this.dismiss(victim);
      }),
    );
  }
}
