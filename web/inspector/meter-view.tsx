import { bytesText, countText } from '../ui/format.ts';
import type { Inspector } from './inspector.ts';
import { bars } from './meter.ts';

const height = 20;
const barWidth = 2;

/** Requests and bytes per second, and how many requests there were in the last half minute. A click opens the inspector. */
export function MeterView({ inspector, onOpen }: { readonly inspector: Inspector; readonly onOpen: () => void }) {
  void inspector.frame.value;
  const now = performance.now();
  const { requestsPerSecond, bytesPerSecond } = inspector.meter.rate(now);
  const history = inspector.meter.history(now);
  const most = Math.max(...history, 10);
  return (
    <button type="button" class="meter" title="9P requests per second, and bytes: opens the inspector" onClick={onOpen}>
      <svg width={bars * barWidth} height={height} aria-hidden="true">
        {history.map((requests, index) => {
          const tall = requests === 0 ? 1 : Math.max((requests / most) * height, 2);
          return (
            <rect
              key={index}
              class={requests === 0 ? 'idle' : ''}
              x={index * barWidth}
              y={height - tall}
              width={barWidth - 0.5}
              height={tall}
            />
          );
        })}
      </svg>
      <span class="figures">
        <b>{countText(requestsPerSecond)}</b> req/s <b>{bytesText(bytesPerSecond)}</b>/s
      </span>
    </button>
  );
}
