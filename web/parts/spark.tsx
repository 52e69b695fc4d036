/** A line of the last values, in the height of a row; gaps where a value is null. The newest is at the right. */
export function Sparkline({
  values,
  label,
  width = 96,
  height = 20,
}: {
  values: readonly (number | null)[]
  /** What it shows, in words, for those who do not see it: `depth of the last hour, now 18`. */
  label: string
  width?: number
  height?: number
}) {
  const known = values.filter((value) => value !== null)
  const top = Math.max(1, ...known)
  const step = width / Math.max(1, values.length - 1)
  let path = ''
  let isDown = false
  values.forEach((value, index) => {
    if (value === null) {
      isDown = false
      return
    }
    path += `${isDown ? 'L' : 'M'}${(index * step).toFixed(1)} ${(height - 2 - (value / top) * (height - 4)).toFixed(1)}`
    isDown = true
  })
  return (
    <svg class="spark" viewBox={`0 0 ${width} ${height}`} width={width} height={height} role="img" aria-label={label}>
      <path d={path} />
    </svg>
  )
}

/** A bar of a share of one, for tables. */
export function Meter({ share, label, tone = 'run' }: { share: number; label: string; tone?: string }) {
  const part = Math.max(0, Math.min(1, share))
  return (
    <svg class={`meter tone-${tone}`} viewBox="0 0 60 8" width="60" height="8" role="img" aria-label={label}>
      <rect class="track" width="60" height="8" rx="2" />
      <rect width={60 * part} height="8" rx="2" />
    </svg>
  )
}
