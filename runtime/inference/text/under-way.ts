/** Told of what is generated. */
export interface AnswerObserver {
  /** Tokens that were read of prompts. */
  readonly prompt: (tokens: number) => void;
  /** Tokens that were generated. */
  readonly tokens: (count: number) => void;
  /** Seconds from the request to its first token. */
  readonly first: (seconds: number) => void;
  /** Seconds from one token to the next. @default - nobody asks */
  readonly next?: (seconds: number) => void;
  /** Answers under way: those without a token yet, and the others. @default - nobody asks */
  readonly active?: (waiting: number, running: number) => void;
}

/** An answer under way. */
export interface Way {
  /** So many tokens came. */
  readonly spoke: (tokens: number) => void;
  /** Nothing is held for it any more; may be said twice. */
  readonly over: () => void;
}

/** The answers of a model that are under way, and the times of their tokens. */
export class UnderWay {
  private waiting = 0;
  private running = 0;

  /** @param now seconds of a monotonic clock */
  constructor(
    private readonly observe: AnswerObserver,
    private readonly now: () => number,
  ) {}

  /** Counts an answer until it is over. @param free called when it is */
  begin(free: () => void): Way {
    const began = this.now();
    let last: number | undefined;
    let isOver = false;
    this.change(1, 0);
    return {
      spoke: (tokens) => {
        const now = this.now();
        this.observe.tokens(tokens);
        if (last === undefined) this.observe.first(now - began);
        else for (let token = 0; token < tokens; token += 1) this.observe.next?.((now - last) / tokens);
        // The end of an answer may be known before its first token is read.
        if (last === undefined && !isOver) this.change(-1, 1);
        last = now;
      },
      over: () => {
        if (isOver) return;
        isOver = true;
        if (last === undefined) this.change(-1, 0);
        else this.change(0, -1);
        free();
      },
    };
  }

  private change(waiting: number, running: number): void {
    this.waiting += waiting;
    this.running += running;
    this.observe.active?.(this.waiting, this.running);
  }
}
