// The op table on WebGPU in Node (Dawn); prints a report as JSON. A device of the application's must outlive us.
import { type BackendInfo, disposeBackend, useBackend } from '../src/index.ts'
import { checkErf } from './check-erf.ts'
import { checkOps, type OpReport } from './check-ops.ts'

export interface DawnReport {
  info: BackendInfo
  reports: OpReport[]
  erf: number
  /** Whether an application's device still computed after the backend on it was disposed. */
  deviceSurvived: boolean
}

const info = await useBackend('webgpu')
const reports = await checkOps('webgpu')
const erf = await checkErf('webgpu')
await disposeBackend()

const adapter = await navigator.gpu.requestAdapter()
const device = await adapter!.requestDevice()
await useBackend('webgpu', { device })
await checkErf('webgpu', () => useBackend('webgpu', { device }))
await disposeBackend()
const lost = await Promise.race([
  device.lost.then(() => true),
  device.queue.onSubmittedWorkDone().then(() => false),
])
device.destroy()

const report: DawnReport = { info, reports, erf, deviceSurvived: !lost }
process.stdout.write(JSON.stringify(report))
