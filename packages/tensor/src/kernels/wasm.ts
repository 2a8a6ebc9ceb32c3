// Kernels that tfjs's WebAssembly backend lacks, on its heap: without them gather and depthwise convolution
// have a forward pass only.
import { backend_util, registerKernel, type TensorInfo, util } from '@tensorflow/tfjs-core'
import { depthwiseBackwardFilter, depthwiseBackwardInput } from './depthwise-backward.ts'
import { segmentSum } from './segment-sum.ts'
import { registerWasmMatMul, type WasmBackend } from './wasm-matmul.ts'

interface DepthwiseAttrs {
  strides: [number, number] | number
  dilations: [number, number] | number
  pad: 'valid' | 'same' | number
  dimRoundingMode?: 'floor' | 'round' | 'ceil'
  inputShape: [number, number, number, number]
  filterShape: [number, number, number, number]
}

type Shape4D = [number, number, number, number]

let registered = false

/** Adds them to tfjs's registry, once. */
export function registerWasmKernels(): void {
  if (registered) return
  registered = true
  registerWasmMatMul()
  registerKernel({
    kernelName: 'UnsortedSegmentSum',
    backendName: 'wasm',
    kernelFunc: ({ inputs, backend, attrs }) => {
      const wasm = backend as WasmBackend
      const { x, segmentIds } = inputs as { x: TensorInfo; segmentIds: TensorInfo }
      const numSegments = attrs?.numSegments as number
      const innerShape = x.shape.slice(1)
      const out = wasm.makeOutput([numSegments, ...innerShape], x.dtype)
      // Views are taken after the output exists: allocating may move the heap.
      const [xs, ids, sums] = [x, segmentIds, out].map((info) => wasm.typedArrayFromHeap(info))
      segmentSum(xs!, ids!, util.sizeFromShape(innerShape), numSegments, sums!)
      return out
    },
  })
  registerKernel({
    kernelName: 'DepthwiseConv2dNativeBackpropInput',
    backendName: 'wasm',
    kernelFunc: ({ inputs, backend, attrs }) => {
      const wasm = backend as WasmBackend
      const { dy, filter } = inputs as { dy: TensorInfo; filter: TensorInfo }
      const { inputShape } = attrs as unknown as DepthwiseAttrs
      const shape = convolution(inputShape, filter.shape as Shape4D, attrs as unknown as DepthwiseAttrs)
      const dx = wasm.makeOutput(inputShape, 'float32')
      const [dys, weights, out] = [dy, filter, dx].map(
        (info) => wasm.typedArrayFromHeap(info) as Float32Array,
      )
      depthwiseBackwardInput(shape, dys!, weights!, out!)
      return dx
    },
  })
  registerKernel({
    kernelName: 'DepthwiseConv2dNativeBackpropFilter',
    backendName: 'wasm',
    kernelFunc: ({ inputs, backend, attrs }) => {
      const wasm = backend as WasmBackend
      const { x, dy } = inputs as { x: TensorInfo; dy: TensorInfo }
      const { filterShape } = attrs as unknown as DepthwiseAttrs
      const shape = convolution(x.shape as Shape4D, filterShape, attrs as unknown as DepthwiseAttrs)
      const dFilter = wasm.makeOutput(filterShape, 'float32')
      const [xs, dys, out] = [x, dy, dFilter].map((info) => wasm.typedArrayFromHeap(info) as Float32Array)
      depthwiseBackwardFilter(shape, xs!, dys!, out!)
      return dFilter
    },
  })
}

function convolution(inShape: Shape4D, filterShape: Shape4D, attrs: DepthwiseAttrs) {
  const { strides, dilations, pad, dimRoundingMode } = attrs
  // tfjs's gradient refuses dilations above 1 before it gets here.
  return backend_util.computeConv2DInfo(
    inShape,
    filterShape,
    strides,
    dilations ?? 1,
    pad,
    dimRoundingMode,
    true,
  )
}
