#!/usr/bin/env node
// The `ps3` executable: Ctrl-C cancels, errors become one line and an exit status.

import { processContext } from './context.ts'
import { runCli } from './program.ts'

const controller = new AbortController()
// The first Ctrl-C asks to stop and tidy up; with no listener left, the second ends the process at once.
process.once('SIGINT', () => controller.abort())

process.exitCode = await runCli(process.argv.slice(2), processContext(controller.signal))
