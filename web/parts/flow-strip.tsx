// From where to where tasks flow: senders, queues, workers, outcomes. The width of a band is its rate; each box is a link.
import type { Overview } from '../../src/dashboard/api.ts'
import { age, count, many, rate } from './numbers.ts'

type Flow = Overview['flow']

interface Box {
  readonly key: string
  readonly name: string
  readonly note: string
  readonly href: string
  readonly rate: number
  readonly tone: '' | 'bad' | 'warn' | 'ok'
  readonly share?: number
}

interface Band {
  readonly from: string
  readonly to: string
  readonly rate: number
  readonly tone: string
}

const [WIDTH, BOX_HEIGHT, GAP] = [1_000, 40, 10]
const COLUMN_X = [0, 262, 560, 858] as const
const COLUMN_WIDTH = [168, 178, 178, 142] as const
/** More than these are one box that says how many there are. */
const MOST = 7
const THICKEST = 26
/** From here on a waiting message is old enough to be shown so. */
const OLD_MS = 60_000

const HREFS = { gateway: '/gateway', beat: '/schedules', worker: '/workers', client: '/tasks' } as const

/** The greatest, in the order of their names: in that of their rates they would change places each second. */
function capped<T extends { readonly name: string }>(
  list: readonly T[],
  by: (one: T) => number,
): { shown: T[]; rest: T[] } {
  const sorted = list.toSorted((a, b) => by(b) - by(a) || (a.name < b.name ? -1 : 1))
  const most = sorted.length <= MOST ? MOST : MOST - 1
  const shown = sorted.slice(0, most).toSorted((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }))
  return { shown, rest: sorted.slice(most) }
}

function restBox(rest: readonly { readonly rate: number }[], key: string, word: string, href: string): Box[] {
  if (rest.length === 0) return []
  const sum = rest.reduce((total, one) => total + one.rate, 0)
  return [{ key, name: `${rest.length} more ${word}`, note: rate(sum), href, rate: sum, tone: '' }]
}

/** The boxes of the four columns. */
function columnsOf(flow: Flow, rates: Overview['rates']): readonly (readonly Box[])[] {
  const senders = capped(flow.senders, (one) => one.rate)
  const queues = capped(flow.queues, (one) => one.rate + (one.ready ?? 0) / 1_000)
  const workers = capped(flow.workers, (one) => one.rate)
  return [
    [
      ...senders.shown.map((one): Box => ({
        key: `s:${one.name}`,
        name: one.name,
        note: rate(one.rate),
        href: HREFS[one.kind],
        rate: one.rate,
        tone: '',
      })),
      ...restBox(senders.rest, 's:', 'senders', '/tasks'),
      // Only those tell of what they send who were asked to (task_send_sent_event); tasks come all the same.
      ...(flow.senders.length === 0
        ? [{ key: 's:', name: 'senders', note: 'tell nothing', href: '/tasks', rate: rates.started, tone: '' as const }]
        : []),
    ],
    [
      ...queues.shown.map((one): Box => ({
        key: `q:${one.name}`,
        name: one.name,
        note: `${one.ready === null ? '?' : count(one.ready)} ready${one.oldestMs === null ? '' : ` · ${age(one.oldestMs)} old`}`,
        href: `/queues/${encodeURIComponent(one.name)}`,
        rate: one.rate,
        tone: (one.oldestMs ?? 0) > OLD_MS ? 'warn' : '',
      })),
      ...restBox(queues.rest, 'q:', 'queues', '/queues'),
    ],
    [
      ...workers.shown.map((one): Box => ({
        key: `w:${one.name}`,
        name: one.name.replace(/^celery@/, ''),
        note: one.slots === null ? `${one.busy} busy` : `${one.busy} of ${many(one.slots, 'slot')}`,
        href: `/workers/${encodeURIComponent(one.name)}`,
        rate: one.rate,
        tone: '',
        ...(one.slots ? { share: one.busy / one.slots } : {}),
      })),
      ...restBox(workers.rest, 'w:', 'workers', '/workers'),
    ],
    [
      {
        key: 'ok',
        name: 'succeeded',
        note: rate(rates.succeeded),
        href: '/tasks?q=state%3ASUCCESS',
        rate: rates.succeeded,
        tone: 'ok',
      },
      {
        key: 'failed',
        name: 'failed',
        note: rate(rates.failed),
        href: '/tasks?q=state%3AFAILURE',
        rate: rates.failed,
        tone: rates.failed > 0 ? 'bad' : '',
      },
      {
        key: 'retried',
        name: 'retried',
        note: rate(rates.retried),
        href: '/tasks?q=state%3ARETRY',
        rate: rates.retried,
        tone: rates.retried > 0 ? 'warn' : '',
      },
    ],
  ]
}

const sumOf = (boxes: readonly Box[]): number => boxes.reduce((sum, box) => sum + box.rate, 0)

/**
 * What flows from box to box. Only what enters and leaves a box is known, and who reads which queue: it is shared out in
 * proportion.
 */
function bandsOf(columns: readonly (readonly Box[])[], flow: Flow): Band[] {
  const [senders = [], queues = [], workers = [], ends = []] = columns
  const spread = (from: readonly Box[], to: readonly Box[]): Band[] =>
    from.flatMap((one) =>
      to.map((other) => ({
        from: one.key,
        to: other.key,
        rate: (one.rate * other.rate) / Math.max(1e-9, sumOf(to)),
        tone: other.tone === 'bad' || other.tone === 'warn' ? other.tone : '',
      })),
    )
  const readers = queues.flatMap((queue) => {
    const reading = flow.workers.filter((one) => one.queues.includes(queue.key.slice(2)))
    const boxes = workers.filter((box) => reading.some((one) => `w:${one.name}` === box.key))
    const all = Math.max(1e-9, sumOf(boxes))
    return boxes.map((box) => ({
      from: queue.key,
      to: box.key,
      rate: sumOf(boxes) === 0 ? queue.rate / boxes.length : (queue.rate * box.rate) / all,
      tone: '',
    }))
  })
  return [
    ...spread(senders, queues),
    ...readers,
    ...spread(workers, ends).map((band) => ({ ...band, tone: band.tone === 'bad' ? 'bad' : '' })),
  ]
}

export function FlowStrip({ flow, rates }: { flow: Flow; rates: Overview['rates'] }) {
  const columns = columnsOf(flow, rates)
  const rows = Math.max(1, ...columns.map((boxes) => boxes.length))
  const height = rows * BOX_HEIGHT + (rows - 1) * GAP
  const places = new Map<string, { x: number; width: number; y: number }>()
  columns.forEach((boxes, column) => {
    const own = boxes.length * BOX_HEIGHT + Math.max(0, boxes.length - 1) * GAP
    boxes.forEach((box, index) => {
      const y = (height - own) / 2 + index * (BOX_HEIGHT + GAP)
      places.set(box.key, { x: COLUMN_X[column] ?? 0, width: COLUMN_WIDTH[column] ?? 0, y })
    })
  })
  const bands = bandsOf(columns, flow).filter((band) => band.rate > 0)
  const top = Math.max(1e-9, ...columns.map(sumOf))
  const words = `${rate(sumOf(columns[0] ?? []))} sent into ${many(flow.queues.length, 'queue')}, ${rate(rates.started)} started by ${many(flow.workers.length, 'worker')}, ${rate(rates.failed)} failed`
  return (
    <section class="flow-strip panel" aria-label="Flow of the last minute" tabIndex={0}>
      <svg viewBox={`-4 -4 ${WIDTH + 8} ${height + 8}`} role="group" aria-label={words}>
        <g aria-hidden="true">
          {bands.map(({ from, to, rate: amount, tone }) => {
            const [a, b] = [places.get(from), places.get(to)]
            if (!a || !b) return null
            const [x1, y1, x2, y2] = [a.x + a.width, a.y + BOX_HEIGHT / 2, b.x, b.y + BOX_HEIGHT / 2]
            const middle = (x1 + x2) / 2
            return (
              <path
                key={from + to}
                class={`band tone-${tone || 'run'}`}
                d={`M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`}
                stroke-width={Math.max(1.2, (amount / top) * THICKEST)}
              />
            )
          })}
        </g>
        {columns.flat().map((box) => (
          <FlowBox key={box.key} box={box} place={places.get(box.key) ?? { x: 0, y: 0, width: 0 }} />
        ))}
      </svg>
    </section>
  )
}

/** About as many letters as fit into a box of that width. */
const fitting = (text: string, width: number): string => {
  const most = Math.floor((width - 20) / 8.2)
  return text.length <= most ? text : `…${text.slice(1 - most)}`
}

function FlowBox({ box, place }: { box: Box; place: { x: number; y: number; width: number } }) {
  const { name, note, href, tone, share } = box
  const { x, y, width } = place
  return (
    <a href={href} class={`box ${tone ? `tone-${tone}` : ''}`}>
      <title>{`${name}: ${note}`}</title>
      <rect x={x} y={y} width={width} height={BOX_HEIGHT} rx="6" />
      {share !== undefined && (
        <rect class="share" x={x} y={y + BOX_HEIGHT - 3} width={width * Math.min(1, share)} height="3" rx="1.5" />
      )}
      <text x={x + 10} y={y + 17}>
        {fitting(name, width)}
      </text>
      <text x={x + 10} y={y + 32} class="note">
        {note}
      </text>
    </a>
  )
}
