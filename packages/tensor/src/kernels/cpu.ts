// Kernels of tfjs's pure JavaScript backend that are replaced.
import {
  type KernelBackend,
  registerKernel,
  type TensorInfo,
  unregisterKernel,
  util,
} from '@tensorflow/tfjs-core'
import { segmentSum } from './segment-sum.ts'

interface CpuBackend extends KernelBackend {
  data: { get(dataId: object): { values: Float32Array | Int32Array } }
  makeTensorInfo(shape: number[], dtype: string, values: Float32Array | Int32Array): TensorInfo
}

let registered = false

/** Puts them in place of tfjs's own, once. */
export function registerCpuKernels(): void {
  if (registered) return
  registered = true
  unregisterKernel('UnsortedSegmentSum', 'cpu')
  registerKernel({
    kernelName: 'UnsortedSegmentSum',
    backendName: 'cpu',
    kernelFunc: ({ inputs, backend, attrs }) => {
      const cpu = backend as CpuBackend
      const { x, segmentIds } = inputs as { x: TensorInfo; segmentIds: TensorInfo }
      const numSegments = attrs?.numSegments as number
      const shape = [numSegments, ...x.shape.slice(1)]
      const sums =
        x.dtype === 'int32'
          ? new Int32Array(util.sizeFromShape(shape))
          : new Float32Array(util.sizeFromShape(shape))
      const values = (info: TensorInfo) => cpu.data.get(info.dataId).values
      segmentSum(values(x), values(segmentIds), util.sizeFromShape(x.shape.slice(1)), numSegments, sums)
      return cpu.makeTensorInfo(shape, x.dtype, sums)
    },
  })
}
