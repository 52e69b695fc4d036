/** The last heartbeats of a worker: a bar for each that was heard, a dot for each that was not; the newest at the right. */
export function Heartbeats({ beats }: { beats: readonly (0 | 1)[] }) {
  if (beats.length === 0) return <span class="faint">–</span>
  const heard = beats.filter((beat) => beat === 1).length
  const step = 2
  const bar = (beat: 0 | 1, index: number): string =>
    beat === 1 ? `M${(index * step + 0.5).toFixed(2)} 1v12` : `M${(index * step + 0.5).toFixed(2)} 12v1`
  return (
    <svg
      class="heartbeats"
      role="img"
      aria-label={`${heard} of the last ${beats.length} heartbeats heard`}
      width={beats.length * step}
      height={14}
      viewBox={`0 0 ${beats.length * step} 14`}
    >
      <title>{`${heard} of the last ${beats.length} heartbeats heard`}</title>
      <path class="heard" d={beats.map((beat, index) => (beat === 1 ? bar(beat, index) : '')).join('')} />
      <path class="missed" d={beats.map((beat, index) => (beat === 0 ? bar(beat, index) : '')).join('')} />
    </svg>
  )
}
