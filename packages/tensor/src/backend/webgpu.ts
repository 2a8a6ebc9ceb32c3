// WebGPU, in browsers and in Node (through Dawn). The device is the application's, or made and destroyed here.
import { prepareWebgpu } from '#platform'
import { BackendError } from '../errors.ts'
import { registerWebgpuKernels } from '../kernels/webgpu.ts'
import { exportsOf } from './interop.ts'
import { isStarted, start } from './register.ts'
import type { BackendOptions, LoadedBackend } from './types.ts'

// What tfjs asks for when it makes its own device: the adapter's full sizes instead of WebGPU's small defaults.
const LIMITS = [
  'maxComputeWorkgroupStorageSize',
  'maxComputeWorkgroupsPerDimension',
  'maxStorageBufferBindingSize',
  'maxBufferSize',
  'maxComputeWorkgroupSizeX',
  'maxComputeInvocationsPerWorkgroup',
] as const

let running: { device: GPUDevice; loaded: LoadedBackend } | undefined

export async function loadWebgpu(options: BackendOptions): Promise<LoadedBackend> {
  if (running && isStarted('webgpu') && (!options.device || options.device === running.device)) {
    await start('webgpu')
    return running.loaded
  }
  const gpu = await prepareWebgpu()
  const owned = options.device === undefined
  const { device, info } = options.device
    ? { device: options.device, info: options.device.adapterInfo }
    : await makeDevice(gpu)
  const { WebGPUBackend } = exportsOf(await import('@tensorflow/tfjs-backend-webgpu'))
  registerWebgpuKernels()
  const replaced = running
  await start('webgpu', () => new WebGPUBackend(device, info))
  await replaced?.loaded.release?.()
  const forget = () => {
    if (running?.device === device) running = undefined
  }
  // A lost device computes nothing any more: the next `useBackend` makes a new one.
  device.lost.then(forget)
  const adapter = [info?.vendor, info?.architecture, info?.device, info?.description]
    .filter(Boolean)
    .join(' ')
  const loaded: LoadedBackend = {
    name: 'webgpu',
    details: {
      adapter: adapter || 'unnamed',
      device: owned ? 'made here' : "the application's",
      maxBufferSize: device.limits.maxBufferSize,
    },
    release: () => {
      forget()
      if (owned) device.destroy()
    },
  }
  running = { device, loaded }
  return loaded
}

async function makeDevice(gpu: GPU): Promise<{ device: GPUDevice; info: GPUAdapterInfo }> {
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' })
  if (!adapter) {
    throw new BackendError(
      'WebGPU is there but offers no adapter: the GPU or its driver is missing or blocked',
    )
  }
  const requiredLimits = Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]]))
  const device = await adapter.requestDevice({ requiredLimits })
  return { device, info: adapter.info }
}
