import type { ComponentChildren } from 'preact'
import { X } from 'lucide-preact'
import { useId, useLayoutEffect, useRef } from 'preact/hooks'

export interface Opened {
  onClose(): void
}

interface ModalProps extends Opened {
  readonly title: string
  readonly children: ComponentChildren
  readonly tone?: 'bad'
}

/** A native dialog over the page; Escape and the cross close it. */
export function Modal({ title, children, onClose, tone }: ModalProps) {
  const dialog = useRef<HTMLDialogElement>(null)
  const heading = useId()
  useLayoutEffect(() => {
    const { current } = dialog
    current?.showModal()
    return () => current?.close()
  }, [])
  return (
    <dialog ref={dialog} class={`modal ${tone ? `tone-${tone}` : ''}`} aria-labelledby={heading} onCancel={onClose}>
      <header>
        <h2 id={heading}>{title}</h2>
        <button type="button" class="icon" aria-label="Close" onClick={onClose}>
          <X size={16} />
        </button>
      </header>
      {children}
    </dialog>
  )
}
