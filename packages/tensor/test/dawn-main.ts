// Both op tables on WebGPU in Node (Dawn); prints a report as JSON. A device of the application's must outlive us.
import { type BackendInfo, disposeBackend, engine, useBackend } from '../src/index.ts'
import { checkErf } from './check-erf.ts'
import { checkLayers, type LayerReport } from './check-layers.ts'
import { checkOps, type OpReport } from './check-ops.ts'

export interface DawnReport {
  info: BackendInfo
  reports: OpReport[]
  layers: LayerReport[]
  erf: number
  /** Whether an application's device still computed after the backend on it was disposed. */
  deviceSurvived: boolean
  /** Whether the device made here was kept while another backend computed, and destroyed in the end. */
  ownDeviceKept: boolean
  ownDeviceDestroyed: boolean
}

const info = await useBackend('webgpu')
const reports = await checkOps('webgpu')
const layers = await checkLayers('webgpu')
const erf = await checkErf('webgpu')
const deviceNow = () => (engine().registry.webgpu as unknown as { device: GPUDevice }).device
const own = deviceNow()
await useBackend('cpu')
await useBackend('webgpu')
const ownDeviceKept = deviceNow() === own
await disposeBackend()
const ownDeviceDestroyed = (await own.lost).reason === 'destroyed'

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

const report: DawnReport = {
  info,
  reports,
  layers,
  erf,
  deviceSurvived: !lost,
  ownDeviceKept,
  ownDeviceDestroyed,
}
process.stdout.write(JSON.stringify(report))
