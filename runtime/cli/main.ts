#!/usr/bin/env node
import fs from 'node:fs';
import { isatty } from 'node:tty';
import { EXIT_CODES } from '../contract';
import { run } from './program';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

let hungUp = false;

/** Listens to signals only while somebody wants them, so that Ctrl-C ends every other verb at once. */
function onInterrupt(listener: () => void): () => void {
  const tell = (signal: NodeJS.Signals): void => {
    // Of a terminal that is closed both the shell and the system tell, and that is nobody in a hurry.
    if (signal === 'SIGHUP' && hungUp) return;
    hungUp ||= signal === 'SIGHUP';
    listener();
  };
  for (const signal of SIGNALS) process.on(signal, tell);
  return () => {
    for (const signal of SIGNALS) process.off(signal, tell);
  };
}

// At its end Node.js restores the terminals that it was started with, and aborts where one is gone, but for closed ones.
const TERMINALS = [0, 1, 2].filter(isatty);
process.once('exit', () => {
  for (const terminal of TERMINALS) if (!isatty(terminal)) fs.closeSync(terminal);
});

/** How a stream fails whose reader has seen enough (`lnmt … | head`), or whose terminal was closed. */
const NOBODY_READS = ['EPIPE', 'EIO'];

// That is no fault of ours, and no reason to leave work or clean-up undone.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (!NOBODY_READS.includes(error.code ?? '')) throw error;
  });
}

// Node.js ends when nothing is left to wait for, done or not: that must not read as success.
process.exitCode = EXIT_CODES.failure;

void run(process.argv.slice(2), {
  cwd: process.cwd(),
  env: process.env,
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  terminal: process.stderr.isTTY,
  node: process.execPath,
  onInterrupt,
}).then((code) => {
  process.exitCode = hungUp ? EXIT_CODES.hungUp : code;
  // What was interrupted may still be at work, and nobody waits for it.
  if (code === EXIT_CODES.interrupted) process.exit();
});
