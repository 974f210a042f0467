import { expect, test } from 'vitest';
import { Meter, bars } from '../../web/inspector/meter.ts';

test('the rate is that of the last second', () => {
  const meter = new Meter();
  meter.add({ requests: 100, bytesIn: 1000, bytesOut: 9000 }, 10_000);
  meter.add({ requests: 50, bytesIn: 500, bytesOut: 500 }, 10_900);
  expect(meter.rate(10_950)).toEqual({ requestsPerSecond: 150, bytesPerSecond: 11_000 });
  expect(meter.rate(11_500)).toEqual({ requestsPerSecond: 50, bytesPerSecond: 1000 });
  expect(meter.rate(20_000)).toEqual({ requestsPerSecond: 0, bytesPerSecond: 0 });
});

test('the history moves a bar to the left every half second', () => {
  const meter = new Meter();
  meter.add({ requests: 3, bytesIn: 0, bytesOut: 0 }, 100_000);
  meter.add({ requests: 4, bytesIn: 0, bytesOut: 0 }, 100_100);
  meter.add({ requests: 5, bytesIn: 0, bytesOut: 0 }, 100_600);
  expect(meter.history(100_600).slice(-3)).toEqual([0, 7, 5]);
  expect(meter.history(101_100).slice(-3)).toEqual([7, 5, 0]);
  expect(meter.history(200_000)).toEqual(Array.from({ length: bars }, () => 0));
});
