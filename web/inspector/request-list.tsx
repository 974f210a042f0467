// The list of requests. Only the rows that are in view exist: all rows have one height, so their places are arithmetic.
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { bytesText, durationText } from '../ui/format.ts';
import { fidOf, kindOf, summaryOf } from './fields.ts';
import type { Inspector } from './inspector.ts';
import type { RequestRecord } from './requests.ts';

/** Pixels; the style sheet has it as --row. */
const rowHeight = 26;
/** Rows beyond each edge, so that fast scrolling shows no gap. */
const overscan = 8;

export function RequestList({ inspector }: { readonly inspector: Inspector }) {
  const list = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 400 });
  /** At the end the list follows what comes. */
  const following = useRef(true);
  void inspector.frame.value;
  const { shown } = inspector.log;
  const selected = inspector.selected.value;

  useEffect(() => {
    const element = list.current;
    if (element === null) return undefined;
    const observer = new ResizeObserver(() => setView({ top: element.scrollTop, height: element.clientHeight }));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  useLayoutEffect(() => {
    const element = list.current;
    if (element !== null && following.current) element.scrollTop = element.scrollHeight;
  }, [shown.length, shown.at(-1)?.id]);

  const first = Math.max(Math.floor(view.top / rowHeight) - overscan, 0);
  const last = Math.min(Math.ceil((view.top + view.height) / rowHeight) + overscan, shown.length);
  const select = (index: number): void => {
    const record = shown[Math.max(0, Math.min(index, shown.length - 1))];
    const element = list.current;
    if (record === undefined || element === null) return;
    inspector.selected.value = record;
    following.current = false;
    const top = shown.indexOf(record) * rowHeight;
    if (top < element.scrollTop) element.scrollTop = top;
    if (top + rowHeight > element.scrollTop + element.clientHeight) {
      element.scrollTop = top + rowHeight - element.clientHeight;
    }
  };
  const page = Math.max(Math.floor(view.height / rowHeight) - 1, 1);
  const moves: Readonly<Record<string, (from: number) => number>> = {
    ArrowDown: (from) => from + 1,
    ArrowUp: (from) => (from === -1 ? shown.length - 1 : from - 1),
    PageDown: (from) => from + page,
    PageUp: (from) => from - page,
    Home: () => 0,
    End: () => shown.length - 1,
  };

  return (
    <div class="request-list">
      <div class="request-row request-head" aria-hidden="true">
        <span class="at">Time</span>
        <span>Type</span>
        <span class="fid">Fid</span>
        <span>Path</span>
        <span class="size">Size</span>
        <span class="latency">Latency</span>
        <span>Result</span>
      </div>
      <div
        ref={list}
        class="request-rows"
        role="listbox"
        aria-label="Requests"
        tabIndex={0}
        aria-activedescendant={selected === undefined ? undefined : `request-${selected.id}`}
        onScroll={(event) => {
          const { scrollTop, clientHeight, scrollHeight } = event.currentTarget;
          following.current = scrollTop + clientHeight >= scrollHeight - rowHeight;
          setView({ top: scrollTop, height: clientHeight });
        }}
        onKeyDown={(event) => {
          const move = moves[event.key];
          if (move === undefined) return;
          event.preventDefault();
          select(move(selected === undefined ? -1 : shown.findIndex(({ id }) => id === selected.id)));
        }}
      >
        {shown.length === 0 ? (
          <Empty inspector={inspector} />
        ) : (
          <div class="request-space" style={{ height: `${shown.length * rowHeight}px` }}>
            {shown.slice(first, last).map((record, index) => (
              <RequestRow
                key={record.id}
                record={record}
                top={(first + index) * rowHeight}
                time={record.time - inspector.origin}
                selected={record.id === selected?.id}
                onSelect={() => select(first + index)}
                position={first + index + 1}
                count={shown.length}
              />
            ))}
          </div>
        )}
      </div>
    </div>
  );
}

function Empty({ inspector }: { readonly inspector: Inspector }) {
  if (inspector.log.length > 0) return <p class="empty">None of the recorded requests passes the filter.</p>;
  return (
    <p class="empty">
      Every file operation in the shared folder becomes 9P messages. Type <kbd>cat README.md</kbd> or <kbd>ls -l</kbd>{' '}
      in the terminal, and watch them pass.
    </p>
  );
}

interface RowProps {
  readonly record: RequestRecord;
  readonly top: number;
  readonly time: number;
  readonly selected: boolean;
  readonly onSelect: () => void;
  readonly position: number;
  readonly count: number;
}

function RequestRow({ record, top, time, selected, onSelect, position, count }: RowProps) {
  const { event, path } = record;
  const fid = fidOf(event);
  const summary = summaryOf(event);
  return (
    <div
      id={`request-${record.id}`}
      class="request-row"
      role="option"
      aria-selected={selected}
      aria-posinset={position}
      aria-setsize={count}
      style={{ transform: `translateY(${top}px)` }}
      onClick={onSelect}
    >
      <span class="at">{(time / 1000).toFixed(3)}</span>
      <span class={`type ${kindOf(event.type)}`}>{event.type}</span>
      <span class="fid">{fid ?? ''}</span>
      <span class="path" title={path}>
        {path}
        {summary !== '' && <small>{summary}</small>}
      </span>
      <span class="size">
        {bytesText(event.size)} → {bytesText(event.replySize)}
      </span>
      <span class="latency">{durationText(event.latency)}</span>
      <span class={event.error === undefined ? 'result' : 'result failed'}>{event.error ?? 'ok'}</span>
    </div>
  );
}
