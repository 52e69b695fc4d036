// Server-sent events, read from a fetch: unlike EventSource it shows the status of a refusal, hears the comments that say
// "still here", and leaves it to us when to try again.

export interface StreamEvent {
  readonly name: string
  readonly data: string
  readonly id: string | undefined
}

/** Cuts a stream of text into events; what is not whole yet is kept for the next piece. */
export class EventCutter {
  #rest = ''
  #name = ''
  #id: string | undefined
  #data: string[] = []

  /** Takes the next piece of text and returns the events that are whole with it. */
  cut(piece: string): StreamEvent[] {
    const events: StreamEvent[] = []
    const lines = (this.#rest + piece).split(/\r\n|\n|\r(?!$)/)
    this.#rest = lines.pop() ?? ''
    for (const line of lines) {
      if (line === '') {
        if (this.#data.length > 0) {
          events.push({ name: this.#name || 'message', data: this.#data.join('\n'), id: this.#id })
        }
        this.#name = ''
        this.#data = []
      } else {
        this.#take(line)
      }
    }
    return events
  }

  #take(line: string): void {
    const colon = line.indexOf(':')
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (field === 'event') this.#name = value
    else if (field === 'data') this.#data.push(value)
    else if (field === 'id') this.#id = value
  }
}
