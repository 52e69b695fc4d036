import { useState } from 'preact/hooks'
import { Modal, type Opened } from '../parts/modal.tsx'
import { signal } from '@preact/signals'
import { shortcutsNow, type Shortcut } from './keys.ts'

const opened = signal<readonly Shortcut[] | undefined>(undefined)

/** Shows what the keys do on this page. */
export function openHelp(): void {
  opened.value = shortcutsNow()
}

export function Help() {
  const [, redraw] = useState(0)
  const list = opened.value
  if (!list) return null
  const close: Opened['onClose'] = () => {
    opened.value = undefined
    redraw((n) => n + 1)
  }
  return (
    <Modal title="Keys" onClose={close}>
      <dl class="keys">
        {list.map(({ keys, what }) => (
          <div key={keys}>
            <dt>
              {keys.split(' ').map((key) => (
                <kbd key={key}>{key.replace('ctrl+', 'Ctrl ')}</kbd>
              ))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </Modal>
  )
}
