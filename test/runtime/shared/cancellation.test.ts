import { describe, expect, it } from 'vitest';
import { Canceller, signalOf } from '../../../runtime/shared/cancellation';

describe('a cancellation', () => {
  it('tells everybody once, and nobody who left before', () => {
    const canceller = new Canceller();
    const told: string[] = [];
    const gone = (): void => void told.push('gone');
    canceller.addEventListener('abort', () => told.push('first'));
    canceller.addEventListener('abort', gone);
    canceller.addEventListener('abort', () => told.push('second'));
    canceller.removeEventListener('abort', gone);
    canceller.abort();
    canceller.abort();
    expect([canceller.aborted, told]).toEqual([true, ['first', 'second']]);
  });

  it('calls nobody who comes after it fired, as a signal does', () => {
    const canceller = new Canceller();
    canceller.abort();
    let calls = 0;
    canceller.addEventListener('abort', () => (calls += 1));
    expect(calls).toBe(0);
  });

  it('lets a listener leave while others are told', () => {
    const canceller = new Canceller();
    const told: string[] = [];
    const second = (): void => void told.push('second');
    canceller.addEventListener('abort', () => canceller.removeEventListener('abort', second));
    canceller.addEventListener('abort', second);
    expect(() => canceller.abort()).not.toThrow();
  });

  it('becomes a real signal for what insists on one, whether it fires later or fired before', () => {
    const canceller = new Canceller();
    const signal = signalOf(canceller);
    expect([signal instanceof AbortSignal, signal.aborted]).toEqual([true, false]);
    canceller.abort();
    expect([signal.aborted, signalOf(canceller).aborted]).toEqual([true, true]);
    const { signal: real } = new AbortController();
    expect(signalOf(real)).toBe(real);
  });
});
