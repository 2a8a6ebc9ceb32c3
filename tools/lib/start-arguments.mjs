// `npm start` is `ps3 encode` with the sample picture and `out/` where no other is named.

/** Options of `ps3 encode` that stand alone; every other one takes the argument after it. */
const FLAGS = new Set([
  '--json',
  '--help',
  '-h',
  '--quiet',
  '--force',
  '--no-report',
  '--verbose',
  '--version',
])
const BOX = /^-?[\d.]+(,-?[\d.]+){3}$/

export function startArguments(args, samplePicture) {
  const pictures = args.filter((arg, index) => {
    if (arg.startsWith('-') || BOX.test(arg)) return false
    const before = args[index - 1]
    return !before?.startsWith('-') || before.includes('=') || before === '--' || FLAGS.has(before)
  })
  const hasOut = args.some((arg) => arg === '--out' || arg === '-o' || arg.startsWith('--out='))
  return [
    'encode',
    ...(pictures.length > 0 ? [] : [samplePicture]),
    ...args,
    ...(hasOut ? [] : ['--out', 'out']),
  ]
}
