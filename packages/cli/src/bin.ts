#!/usr/bin/env node
// The `ps3` executable: Ctrl-C cancels, errors become one line and an exit status.

import { explainError, isDebug } from './cli-errors.ts'
import { processContext } from './context.ts'
import { createProgram } from './program.ts'

const controller = new AbortController()
// The second Ctrl-C ends the process at once, in case something does not listen.
process.once('SIGINT', () => controller.abort())

const context = processContext(controller.signal)
try {
  await createProgram(context).parseAsync()
} catch (error) {
  context.progress.clear()
  const { status, text } = explainError(error, isDebug())
  context.stderr(text)
  process.exitCode = status
}
