// Every op of the table, forward and backward, on the backends that run in this process.
import { describe, expect, it } from 'vitest'
import { checkOps, type OpReport } from '../../test/check-ops.ts'
import { OPS } from '../../test/op-table.ts'

describe.each(['cpu', 'wasm'] as const)('ops on %s', (backend) => {
  let reports: Promise<OpReport[]> | undefined
  it.each(OPS.map((op) => op.name))('%s', async (name) => {
    reports ??= checkOps(backend)
    const report = (await reports).find((candidate) => candidate.name === name)
    expect(report, JSON.stringify(report)).toMatchObject({ name, ok: true })
  })
})
