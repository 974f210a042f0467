import { HardDrive, MemoryStick, FolderInput, ShieldCheck, TriangleAlert } from 'lucide';
import { kindNames, type Place } from '../machine/places.ts';
import { bytesText } from '../ui/format.ts';
import { Icon } from '../ui/icon.tsx';
import type { StorageWatch } from './storage-state.ts';

/** Where each shared folder is kept, and how full that is. */
export function StoreStatus({
  places,
  storage,
  onPersist,
}: {
  readonly places: readonly Place[];
  readonly storage: StorageWatch;
  readonly onPersist: () => void;
}) {
  return (
    <footer class="store-status">
      {places.map((place) => (
        <div key={place.tag} class="store">
          <Icon
            icon={place.kind === 'memory' ? MemoryStick : place.kind === 'picked' ? FolderInput : HardDrive}
            size={14}
          />
          <span>
            <b>{place.mount}</b> {kindNames[place.kind]}
          </span>
        </div>
      ))}
      {places.some(({ kind }) => kind !== 'memory' && kind !== 'picked') && (
        <Fullness storage={storage} onPersist={onPersist} />
      )}
    </footer>
  );
}

function Fullness({ storage, onPersist }: { readonly storage: StorageWatch; readonly onPersist: () => void }) {
  const state = storage.state.value;
  if (state === undefined) return null;
  const { usage, quota, persistent } = state;
  return (
    <div class="fullness">
      <meter aria-label="Storage used" min={0} max={quota} value={usage} high={quota * 0.9} />
      <span>
        {bytesText(usage)} of {bytesText(quota)}
      </span>
      {persistent ? (
        <span class="kept" title="The browser keeps the folder until you remove it">
          <Icon icon={ShieldCheck} size={14} /> protected
        </span>
      ) : (
        <button
          type="button"
          class="link"
          title="When space is short the browser could clear the folder"
          onClick={onPersist}
        >
          <Icon icon={TriangleAlert} size={14} /> protect
        </button>
      )}
    </div>
  );
}
