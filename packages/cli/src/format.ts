// Numbers for people.

const count = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })

/** 87,480 */
export const formatCount = (value: number): string => count.format(value)

/** 2.3 GB, in powers of ten. */
export function formatBytes(bytes: number): string {
  return withUnit(bytes, ['B', 'kB', 'MB', 'GB', 'TB'])
}

/** 3.75 TFLOP */
export function formatFlops(flops: number): string {
  return withUnit(flops, ['FLOP', 'kFLOP', 'MFLOP', 'GFLOP', 'TFLOP', 'PFLOP'])
}

/** 12 ms, 3.41 s, 2 min 5 s */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 999.5) return `${Math.round(milliseconds)} ms`
  const seconds = milliseconds / 1000
  if (seconds < 99.95) return `${seconds.toFixed(seconds < 9.995 ? 2 : 1)} s`
  const whole = Math.round(seconds)
  return `${Math.floor(whole / 60)} min ${whole % 60} s`
}

/** 2.9 % */
export function formatShare(share: number): string {
  const percent = share * 100
  if (percent === 0 || percent === 100) return `${percent} %`
  return `${percent.toPrecision(percent >= 99.95 ? 4 : percent >= 10 ? 3 : 2)} %`
}

function withUnit(value: number, units: readonly string[]): string {
  let scaled = value
  let unit = 0
  while (Math.abs(scaled) >= 999.5 && unit < units.length - 1) {
    scaled /= 1000
    unit++
  }
  return `${unit === 0 ? Math.round(scaled) : Number(scaled.toPrecision(3))} ${units[unit]}`
}

/** Columns that line up; the first one to the left, the others to the right. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  )
  return rows
    .map((row) =>
      row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  '),
    )
    .map((line) => `${line.trimEnd()}\n`)
    .join('')
}
