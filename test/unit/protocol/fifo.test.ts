import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fifo } from '../../../src/protocol/fifo.ts';

describe('the first-in, first-out queue', () => {
  it('behaves as an array with shift and push', () => {
    const steps = fc.array(fc.oneof(fc.constant('shift'), fc.constant('drain'), fc.nat()), {
      maxLength: 200,
    });
    fc.assert(
      fc.property(steps, (program) => {
        const fifo = new Fifo<number>();
        let naive: number[] = [];
        for (const step of program) {
          if (typeof step === 'number') {
            fifo.push(step);
            naive.push(step);
          } else if (step === 'shift') {
            expect(fifo.shift()).toBe(naive.shift());
          } else {
            expect(fifo.drain()).toEqual(naive);
            naive = [];
          }
          expect(fifo.length).toBe(naive.length);
          expect(fifo.peek()).toBe(naive[0]);
          expect(fifo.at(1)).toBe(naive[1]);
        }
      }),
    );
  });

  it('keeps its order over many compactions', () => {
    const fifo = new Fifo<number>();
    let next = 0;
    for (let round = 0; round < 10_000; round++) {
      fifo.push(round * 2);
      fifo.push(round * 2 + 1);
      expect(fifo.shift()).toBe(next++);
    }
    expect(fifo.drain().at(0)).toBe(next);
  });
});
