// Matrix products in bfloat16 on float32 tensors. tfjs has no such type: the halves exist below it, for one product.
import { type KernelFunc, registerKernel, type Tensor, type TensorInfo } from '@tensorflow/tfjs-core'
import { BFLOAT16, executeOnIds, FLOAT32 } from './execute-op.ts'
import type { NodeBackend } from './tfjs-node.ts'

/** a [M, K], b [K, N], each as it is or transposed -> [M, N], rounded to bfloat16 before and after. */
function matMulBf16(
  backend: NodeBackend,
  { a, b }: { a: TensorInfo; b: TensorInfo },
  { transposeA, transposeB }: { transposeA: boolean; transposeB: boolean },
): Tensor {
  const halves: number[] = []
  const half = (name: string, attributes: Parameters<typeof executeOnIds>[2], ids: number[]) => {
    const [output] = executeOnIds(backend, name, attributes, ids)
    halves.push(output!.id)
    return output!.id
  }
  try {
    const inputs = backend
      .getInputTensorIds([a, b])
      .map((id) => half('Cast', { SrcT: FLOAT32, DstT: BFLOAT16 }, [id]))
    const transposes = { transpose_a: { bool: transposeA }, transpose_b: { bool: transposeB } }
    const product = half('MatMul', { T: BFLOAT16, ...transposes }, inputs)
    const [output] = executeOnIds(backend, 'Cast', { SrcT: BFLOAT16, DstT: FLOAT32 }, [product])
    return backend.createOutputTensor(output!)
  } finally {
    for (const id of halves) backend.binding.deleteTensor(id)
  }
}

/** Once per process and copy of tfjs-core. */
export function registerMatMulBf16(): void {
  const kernelFunc: KernelFunc = ({ inputs, backend, attrs }) =>
    matMulBf16(backend as unknown as NodeBackend, inputs as never, attrs as never)
  registerKernel({ kernelName: 'PS3MatMulBf16', backendName: 'tensorflow', kernelFunc })
}
