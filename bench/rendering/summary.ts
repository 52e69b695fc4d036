import * as Plot from '@observablehq/plot'
import type { Figure } from '../case.ts'
import type { Chart } from './charts.ts'
import { linesOf, rowsPicture, TONES, valuesAtTheEdge } from './drawing.ts'
import { judged, numberText } from './judged.ts'
import { groupedBy } from './tables.ts'

/** Who is measured beside Lovage, by the names that cases give them. */
const PEERS: readonly { readonly name: string; readonly is: RegExp; readonly isLimit?: true }[] = [
  { name: 'Celery', is: /^Celery/ },
  { name: 'Tornado and Celery', is: /^Tornado/ },
  { name: 'BullMQ', is: /^BullMQ/ },
  { name: 'graphile-worker', is: /^graphile-worker/ },
  { name: 'pg-boss', is: /^pg-boss/ },
  { name: 'celery-node', is: /^celery-node/ },
  { name: 'amqplib by hand', is: /amqplib/ },
  { name: 'bare client (a limit)', is: /bare (speaker|client)/, isLimit: true },
]

/** All that was measured beside one peer. */
export interface PeerShares {
  readonly name: string
  readonly isLimit: boolean
  /** How many times its rate Lovage has reached, from the least. */
  readonly shares: readonly number[]
}

/** Lovage's rates as shares of each peer's, over all cases. What is no rate, or less is better of, is not among them. */
export function peerShares(figures: readonly Figure[]): PeerShares[] {
  const rates = new Set(
    figures.filter(({ unit }) => unit === '/s').map(({ group, contender }) => `${group}|${contender}`),
  )
  const shares = figures.filter(
    ({ unit, group, contender, what }) =>
      unit === 'x' && what.endsWith(`, to ${contender}`) && rates.has(`${group}|${contender}`),
  )
  const byPeer = groupedBy(shares, ({ contender = '' }) => PEERS.find(({ is }) => is.test(contender)))
  return PEERS.flatMap((peer) => {
    const values = byPeer.get(peer)?.map(({ value }) => value)
    return values ? [{ name: peer.name, isLimit: peer.isLimit ?? false, shares: values.toSorted((a, b) => a - b) }] : []
  })
}

/** A dot for each case, a line for each peer. */
export function peersChart(peers: readonly PeerShares[]): Chart[] {
  if (peers.length === 0) return []
  const { lines, keyOf } = linesOf(peers, ({ name }) => ({ label: name }))
  const dots = peers.flatMap((peer) => peer.shares.map((share) => ({ peer, share })))
  const title = 'Lovage’s rate, of each other’s: a dot for each measurement'
  const all = dots.map(({ share }) => share)
  const [least, most] = [Math.min(0.5, Math.min(...all) / 1.2), Math.max(2, Math.max(...all) * 1.2)]
  const axis: Plot.ScaleOptions = {
    type: 'log',
    domain: [least, most],
    ticks: [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100].filter((tick) => tick >= least && tick <= most),
    tickFormat: numberText,
    label: '1 is as fast as the other, right of it Lovage is faster',
  }
  const svg = rowsPicture(title, lines, axis, [
    Plot.ruleX([1], { stroke: TONES.aim, strokeWidth: 2 }),
    Plot.ruleY(peers, {
      y: keyOf,
      x1: ({ shares }: PeerShares) => shares[0],
      x2: ({ shares }: PeerShares) => shares.at(-1),
      stroke: TONES.text,
    }),
    Plot.dot(dots, {
      y: ({ peer }: { peer: PeerShares }) => keyOf(peer),
      x: 'share',
      r: 4.5,
      fill: ({ peer, share }: { peer: PeerShares; share: number }) =>
        peer.isLimit ? TONES.plain : share >= 1 ? TONES.reached : TONES.missed,
      fillOpacity: 0.8,
    }),
    valuesAtTheEdge(peers, keyOf, ({ shares }) => middleOf(shares).toFixed(2)),
  ])
  return [{ name: 'peers', alt: title, svg }]
}

/** The median. */
export function middleOf(sorted: readonly number[]): number {
  const at = (sorted.length - 1) / 2
  return ((sorted[Math.floor(at)] as number) + (sorted[Math.ceil(at)] as number)) / 2
}

/** How near every aim is: 1 is reached. */
export function aimsChart(figures: readonly Figure[]): Chart[] {
  if (figures.length === 0) return []
  // How much better than wanted something is matters little, and would hide how near the others are.
  const most = 1.6
  const bars = figures.flatMap((figure) => {
    const { aim } = figure
    return aim ? [{ figure, ...judged(figure.value, aim) }] : []
  })
  const { lines, keyOf } = linesOf(bars, ({ figure }) => ({ label: figure.what }))
  const title = 'How much of each aim is reached'
  const svg = rowsPicture(title, lines, { domain: [0, most], label: '1 is what is wanted' }, [
    Plot.barX(bars, {
      y: keyOf,
      x1: 0,
      x2: ({ share }: { share: number }) => Math.min(share, most),
      fill: ({ reached }: { reached: boolean }) => (reached ? TONES.reached : TONES.missed),
      insetTop: 3,
      insetBottom: 3,
    }),
    Plot.ruleX([1], { stroke: TONES.aim, strokeWidth: 2 }),
    valuesAtTheEdge(bars, keyOf, ({ share }) => (share > 10 ? 'over 10' : share.toFixed(2))),
  ])
  return [{ name: 'aims', alt: title, svg }]
}
