import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { StalledCalls } from '../../../../runtime/inference/grpc/stalled-calls';

class FakeSocket extends EventEmitter {
  readonly remoteAddress = '127.0.0.1';
  readonly remotePort = 5;
  bytesWritten = 0;
  destroyed = false;
  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

const PATIENCE_MS = 60;

function watched(): { readonly socket: FakeSocket; readonly calls: StalledCalls } {
  const socket = new FakeSocket();
  const calls = new StalledCalls(PATIENCE_MS);
  calls.add(socket as unknown as Socket);
  return { socket, calls };
}

it('ends a connection that does not move while an answer waits', async () => {
  const { socket, calls } = watched();
  calls.begin('127.0.0.1:5');
  await delay(3 * PATIENCE_MS);
  expect(socket.destroyed).toBe(true);
});

it('lets a connection be whose answers are out, or on which they move, however slowly', async () => {
  const { socket, calls } = watched();
  calls.begin('127.0.0.1:5')();
  calls.begin('127.0.0.1:6');
  await delay(3 * PATIENCE_MS);
  expect(socket.destroyed).toBe(false);
  const over = calls.begin('127.0.0.1:5');
  for (let turn = 0; turn < 12; turn += 1) {
    socket.bytesWritten += 10_000;
    await delay(PATIENCE_MS / 4);
  }
  expect(socket.destroyed).toBe(false);
  over();
});
