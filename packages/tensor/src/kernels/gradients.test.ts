// Every op of the table, forward and backward, on the backends that run in this process.
import { expect, it } from 'vitest'
import { BACKENDS } from '../../../../tools/backends.ts'
import { checkErf } from '../../test/check-erf.ts'
import { checkOps, type OpReport } from '../../test/check-ops.ts'
import { OPS } from '../../test/op-table.ts'

for (const [backend, describeHere] of BACKENDS) {
  describeHere(`ops on ${backend}`, () => {
    let reports: Promise<OpReport[]> | undefined

    it.each(OPS.map((op) => op.name))('%s', async (name) => {
      reports ??= checkOps(backend)
      const report = (await reports).find((candidate) => candidate.name === name)
      expect(report, JSON.stringify(report)).toMatchObject({ name, ok: true })
    })

    it('has erf within 5e-7 of the true value', async () => {
      // The formula of Abramowitz and Stegun (7.1.26) is off by at most 1.5e-7; three roundings to float32 near 1
      // add 6e-8 each.
      expect(await checkErf(backend)).toBeLessThan(5e-7)
    })
  })
}
