import { Circle, CirclePause, Trash2, X } from 'lucide';
import { IconButton } from '../ui/button.tsx';
import { countText } from '../ui/format.ts';
import type { Inspector } from './inspector.ts';
import { RequestDetails } from './request-details.tsx';
import { RequestList } from './request-list.tsx';

export function InspectorView({
  inspector,
  ramSize,
  onClose,
}: {
  readonly inspector: Inspector;
  /** Bytes of guest RAM. */
  readonly ramSize: number;
  readonly onClose: () => void;
}) {
  const { selected } = inspector;
  return (
    <section class="panel inspector" id="inspector" aria-label="9P inspector" tabIndex={-1}>
      <header class="panel-header">
        <h2>9P inspector</h2>
        <Controls inspector={inspector} />
        <IconButton icon={X} label="Close the inspector" onClick={onClose} />
      </header>
      <div class={selected.value === undefined ? 'inspector-body' : 'inspector-body with-details'}>
        <RequestList inspector={inspector} />
        {selected.value !== undefined && (
          <RequestDetails
            record={selected.value}
            frame={inspector.frame.value}
            ramSize={ramSize}
            onClose={() => {
              selected.value = undefined;
            }}
          />
        )}
      </div>
    </section>
  );
}

function Controls({ inspector }: { readonly inspector: Inspector }) {
  const { filter, recording, missed, log, frame } = inspector;
  // Read, so that new types and counts are seen.
  void frame.value;
  return (
    <div class="inspector-controls" role="toolbar" aria-label="What is listed">
      <input
        type="search"
        class="field"
        placeholder="Filter: path, type, error"
        aria-label="Filter by words"
        value={filter.value.text}
        onInput={(event) => {
          filter.value = { ...filter.value, text: event.currentTarget.value.trim() };
        }}
      />
      <select
        class="field"
        aria-label="Type of message"
        value={filter.value.type}
        onChange={(event) => {
          filter.value = { ...filter.value, type: event.currentTarget.value };
        }}
      >
        <option value="">All types</option>
        {log.types.map((type) => (
          <option key={type}>{type}</option>
        ))}
      </select>
      <label class="check">
        <input
          type="checkbox"
          checked={filter.value.errorsOnly}
          onChange={(event) => {
            filter.value = { ...filter.value, errorsOnly: event.currentTarget.checked };
          }}
        />
        Errors only
      </label>
      <span class="count">
        {countText(log.shown.length)}
        {log.shown.length !== log.length && ` of ${countText(log.length)}`}
        {!recording.value && `, ${countText(missed.value)} passed by`}
      </span>
      <IconButton
        icon={recording.value ? CirclePause : Circle}
        label={recording.value ? 'Pause' : 'Go on recording'}
        pressed={!recording.value}
        onClick={() => {
          recording.value = !recording.value;
          missed.value = 0;
        }}
      />
      <IconButton icon={Trash2} label="Clear the list" onClick={() => inspector.clear()} />
    </div>
  );
}
