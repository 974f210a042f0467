import { X } from 'lucide';
import { IconButton } from '../ui/button.tsx';
import { bytesText, durationText } from '../ui/format.ts';
import { ChainDrawing } from './chain-drawing.tsx';
import { fieldsOf, type FieldText } from './fields.ts';
import type { RequestRecord } from './requests.ts';

interface DetailsProps {
  readonly record: RequestRecord;
  /** Only so that what became known since is shown: the used ring, the interrupt. */
  readonly frame: number;
  readonly ramSize: number;
  readonly onClose: () => void;
}

export function RequestDetails({ record, ramSize, onClose }: DetailsProps) {
  const { event, path, share, chain } = record;
  const answer =
    event.error === undefined ? event.type.replace(/^T/, 'R') : event.error === 'flushed' ? 'no reply' : 'Rlerror';
  return (
    <aside class="request-details" aria-label={`Details of ${event.type}`}>
      <header>
        <div>
          <h3>
            {event.type} <span class="muted">→</span>{' '}
            <span class={event.error === undefined ? '' : 'failed'}>{answer}</span>
          </h3>
          <p class="muted">
            {path === '' ? 'no path' : path} · share {share} · tag {event.tag} · {durationText(event.latency)}
          </p>
        </div>
        <IconButton icon={X} label="Close the details" onClick={onClose} />
      </header>
      <div class="details-columns">
        <div class="details-fields">
          <Fields
            title={`${event.type}, ${bytesText(event.size)}`}
            fields={event.request && fieldsOf(event.type, event.request)}
          />
          {event.error === undefined ? (
            <Fields
              title={`${answer}, ${bytesText(event.replySize)}`}
              fields={event.reply && fieldsOf(answer, event.reply)}
            />
          ) : (
            <Fields
              title={answer === 'Rlerror' ? `Rlerror, ${bytesText(event.replySize)}` : 'No reply'}
              fields={[
                answer === 'Rlerror'
                  ? {
                      name: 'ecode',
                      value: event.error,
                      meaning: 'the error number that the program in the guest gets',
                    }
                  : {
                      name: 'flushed',
                      value: 'yes',
                      meaning: 'the client took the request back before it was answered',
                    },
              ]}
            />
          )}
        </div>
        {chain === undefined ? (
          <p class="empty">The virtqueue was not watched when this request passed.</p>
        ) : (
          <ChainDrawing chain={chain} ramSize={ramSize} request={event.type} reply={answer} />
        )}
      </div>
    </aside>
  );
}

function Fields({ title, fields }: { readonly title: string; readonly fields: readonly FieldText[] | undefined }) {
  return (
    <section>
      <h4>{title}</h4>
      {fields === undefined ? (
        <p class="muted">It could not be decoded.</p>
      ) : fields.length === 0 ? (
        <p class="muted">It has no fields.</p>
      ) : (
        <table class="fields">
          <tbody>
            {fields.map(({ name, value, meaning }) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td>
                  <code>{value}</code>
                  {meaning !== '' && <small>{meaning}</small>}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}
