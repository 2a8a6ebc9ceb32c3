// One step of the engine in a process of its own, to be killed: prints a dot whenever it gets on.

import { captionRegions } from './caption.ts'
import { packRegions } from './pack.ts'
import { proposeRegions } from './propose.ts'

const [step, options] = process.argv.slice(2)
const run = { propose: proposeRegions, caption: captionRegions, pack: packRegions }[step!] as (
  options: object,
) => Promise<object>
const onProgress = () => void process.stdout.write('.')
await run({ ...(JSON.parse(options!) as object), onProgress })
