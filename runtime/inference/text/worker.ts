import { workerData } from 'node:worker_threads';
import { ModelError } from '../errors';
import { answerQuestions } from '../threads/answer-questions';
import { TextEngine } from './engine';
import type { ChatMessage, Counted, Rendered, TextDescription } from './engine';

/** What a text thread is started with. */
export interface TextWorkerData {
  /** Folder with the files of the model. */
  readonly dir: string;
  /** True for one that is asked for nothing but texts of tokens. */
  readonly decodesOnly: boolean;
}

/** What a text thread is asked. */
export type TextRequest =
  | { readonly do: 'describe' }
  | { readonly do: 'encode'; readonly texts: readonly string[]; readonly special: boolean }
  | { readonly do: 'decode'; readonly lists: readonly (readonly number[])[]; readonly skipSpecial: boolean }
  | { readonly do: 'prompt'; readonly text: string; readonly most: number }
  | { readonly do: 'chat'; readonly messages: readonly ChatMessage[]; readonly most: number };

/** What it answers to each. */
export interface TextAnswers {
  readonly describe: TextDescription;
  readonly encode: number[][];
  readonly decode: string[];
  readonly prompt: Counted;
  readonly chat: Rendered;
}

/** An answer, or why there is none. */
export type TextReply =
  { readonly answer: TextAnswers[keyof TextAnswers] } | { readonly failed: string; readonly isFault: boolean };

function opened(): TextEngine | Error {
  try {
    const { dir, decodesOnly } = workerData as TextWorkerData;
    return new TextEngine(dir, decodesOnly);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** Opened while the thread starts, which may take longer than a question. */
const engine = opened();

function answer(request: TextRequest): TextAnswers[keyof TextAnswers] {
  if (engine instanceof Error) throw engine;
  switch (request.do) {
    case 'describe':
      return engine.describe();
    case 'encode':
      return engine.encode(request.texts, request.special);
    case 'decode':
      return engine.decode(request.lists, request.skipSpecial);
    case 'prompt':
      return engine.prompt(request.text, request.most);
    case 'chat':
      return engine.chat(request.messages, request.most);
  }
}

function reply(request: TextRequest): TextReply {
  try {
    return { answer: answer(request) };
  } catch (error) {
    const isFault = error instanceof ModelError;
    return { failed: isFault ? error.what : String(error), isFault };
  }
}

answerQuestions(reply);
