import type { ModelSignature } from '../backends/backend';
import { Engine } from './engine';
import type { GraphRunner } from './graph-run';
import { failedStep } from './protocol';
import type { GenerationReply, GenerationRequest } from './protocol';

/** What a worker lends to what generates in it. */
export interface GenerationParts {
  readonly runner: GraphRunner;
  readonly signature: ModelSignature;
  /** Sends one answer to the front. */
  readonly send: (id: number, reply: GenerationReply) => void;
}

const INT32_BYTES = 4;

/** The prompt of a `generate` request, copied: a slice of a Buffer would share what it was read into. */
function promptOf(payload: Uint8Array, tokens: number): Int32Array {
  return new Int32Array(new Uint8Array(payload.subarray(0, tokens * INT32_BYTES)).buffer);
}

/** Generation inside a worker: caches stay here, and only tokens cross the socket. */
export class GenerationHost {
  private engine: Promise<Engine> | undefined;
  private turning = false;

  constructor(private readonly parts: GenerationParts) {}

  /** Takes a message of the front. */
  async receive(id: number, request: GenerationRequest, payload: Uint8Array): Promise<void> {
    if (request.type === 'cancel') {
      const engine = await this.engine;
      engine?.cancel(id);
      return;
    }
    try {
      this.engine ??= this.open(request.engine.maxRows);
      const engine = await this.engine;
      engine.add(id, promptOf(payload, request.promptTokens), request.options);
      this.run(engine);
    } catch (error) {
      this.engine = undefined;
      this.parts.send(id, { type: 'step', step: failedStep(error) });
    }
  }

  private open(maxRows: number): Promise<Engine> {
    const { runner, signature, send } = this.parts;
    return Engine.open(runner, signature, { maxRows }, ({ id }, step) => send(id, { type: 'step', step }));
  }

  /** Takes turns while there is work, and lets messages of the front in between them. */
  private run(engine: Engine): void {
    if (this.turning) return;
    this.turning = true;
    const turn = (): void => {
      void engine.turn().then(() => {
        if (engine.busy) setImmediate(turn);
        else this.turning = false;
      });
    };
    setImmediate(turn);
  }
}
