import type { HeardEvent } from '../../fleet/listener.ts'
import { isAlive, Picture, type WorkerPicture } from '../../fleet/picture.ts'

/** Heartbeat intervals that are shown. */
const STRIP = 60

/** Workers that are known. */
const MOST_WORKERS = 5_000

/** What is known of a worker beside its picture. */
interface Page {
  /** Numbers of the heartbeat intervals in which it was heard, newest last. */
  readonly heard: number[]
  onlineAtMs: number
}

/** Workers as their events show them. */
export class WorkerBook {
  readonly #picture = new Picture({ tasks: 1, workers: MOST_WORKERS })
  readonly #pages = new Map<string, Page>()
  readonly #forgotten = new Set<string>()

  /** Takes in what came together. Gives the names of those that were not known, or are back. */
  hear(events: readonly HeardEvent[]): string[] {
    const fresh: string[] = []
    let last = ''
    for (const event of events) {
      const { hostname, type, heardAtMs } = event
      if (type.startsWith('worker-')) {
        const wasThere = this.isOnline(hostname, heardAtMs)
        if (!this.#picture.hear(event)) continue
        this.#forgotten.delete(hostname)
        if (!wasThere && type !== 'worker-offline') fresh.push(hostname)
        this.#note(hostname, heardAtMs, type === 'worker-online' || !wasThere)
        continue
      }
      // A thousand events of one worker are one sign of its life.
      if (!type.startsWith('task-') || type === 'task-sent' || hostname === last) continue
      last = hostname
      if (!this.#known(hostname)) continue
      // Under an id of its own, so that the picture holds one task and not those that the index has.
      this.#picture.hear({ ...event, type: 'task-heard', fields: { uuid: 'any' } })
      this.#note(hostname, heardAtMs, false)
    }
    return fresh
  }

  /** All that are known, by name. */
  workers(): WorkerPicture[] {
    return this.#picture.workers
      .filter(({ hostname }) => !this.#forgotten.has(hostname))
      .toSorted((a, b) => (a.hostname < b.hostname ? -1 : 1))
  }

  worker(name: string): WorkerPicture | undefined {
    return this.#known(name)
  }

  isOnline(name: string, nowMs: number): boolean {
    const worker = this.#known(name)
    return worker !== undefined && isAlive(worker, nowMs)
  }

  /** When it came, as far as was heard. */
  onlineAtMs(name: string): number | null {
    return this.#pages.get(name)?.onlineAtMs ?? null
  }

  /** 1 for each of the last intervals in which it was heard, the newest last. */
  heartbeats(name: string, nowMs: number): (0 | 1)[] {
    const worker = this.#known(name)
    const page = this.#pages.get(name)
    if (!worker || !page) return []
    const heard = new Set(page.heard)
    const last = Math.floor(nowMs / (worker.freq * 1000))
    return Array.from({ length: STRIP }, (_, index) => (heard.has(last - STRIP + 1 + index) ? 1 : 0))
  }

  /** Those that were not heard of for so long leave. Gives their names. */
  forget(beforeMs: number): string[] {
    const gone = this.workers().filter(({ heardAtMs }) => heardAtMs < beforeMs)
    for (const { hostname } of gone) {
      this.#forgotten.add(hostname)
      this.#pages.delete(hostname)
    }
    if (this.#forgotten.size > MOST_WORKERS) this.#forgotten.clear()
    return gone.map(({ hostname }) => hostname)
  }

  #known(name: string): WorkerPicture | undefined {
    return this.#forgotten.has(name) ? undefined : this.#picture.worker(name)
  }

  #note(name: string, heardAtMs: number, isBack: boolean): void {
    let page = this.#pages.get(name)
    if (!page) {
      if (this.#pages.size >= MOST_WORKERS) return
      page = { heard: [], onlineAtMs: heardAtMs }
      this.#pages.set(name, page)
    }
    if (isBack) page.onlineAtMs = heardAtMs
    const number = Math.floor(heardAtMs / ((this.#picture.worker(name)?.freq ?? 60) * 1000))
    if (page.heard.at(-1) === number) return
    page.heard.push(number)
    if (page.heard.length > STRIP) page.heard.shift()
  }
}
