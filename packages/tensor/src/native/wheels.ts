// The Python wheels whose TensorFlow library is used, pinned by version and checksum. Versions of NVIDIA's wheels
// are the lowest that TensorFlow 2.21's own `and-cuda` extra allows: those it was built against.

export const TENSORFLOW_VERSION = '2.21.0'

export type NativeVariant = 'cpu' | 'gpu'

export interface Wheel {
  /** Name on the package index. */
  name: string
  version: string
  /** The wheel's platform tag. */
  platform: string
  sha256: string
  /** Bytes to download. */
  size: number
}

/** Bytes that the CPU library and its headers take on disk, and what CUDA's libraries add. */
const UNPACKED_BYTES: Record<NativeVariant, number> = { cpu: 860e6, gpu: 4_400e6 }

const TENSORFLOW: Record<string, Omit<Wheel, 'version'>> = {
  'cpu-x64': {
    name: 'tensorflow-cpu',
    platform: 'manylinux_2_27_x86_64',
    sha256: '2b847d217b02ee7731ed91431daf3250daa0196c3c94614d23be27232e6e5b6c',
    size: 273_829_956,
  },
  // For ARM the index holds one build, without CUDA, under the plain name.
  'cpu-arm64': {
    name: 'tensorflow',
    platform: 'manylinux_2_27_aarch64',
    sha256: '4b24aca16d527a3cf1c37f720c04c484c3d20f4d0fdfa98632ac8b9f3be6eb5c',
    size: 281_828_020,
  },
  'gpu-x64': {
    name: 'tensorflow',
    platform: 'manylinux_2_27_x86_64',
    sha256: '9056fbc9ba04235810b71ae6cbd958a196e8804fb53bbcffbf3e23b56155f124',
    size: 572_440_367,
  },
}

const CUDA: [name: string, version: string, size: number, sha256: string][] = [
  ['cublas', '12.5.3.2', 363_313_169, 'ca070ad70e9fa6654084575d01bd001f30cc4665e33d4bb9fc8e0f321caa034b'],
  ['cuda-cupti', '12.5.82', 13_811_507, 'bde77a5feb66752ec61db2adfe47f56b941842825b4c7e2068aff27c9d107953'],
  ['cuda-nvcc', '12.5.82', 22_468_537, 'b03e545b8e8c3ce7ebcd7fc44063180ff52ff01d064ece2127ed90a04ef12cd0'],
  ['cuda-nvrtc', '12.5.82', 24_873_108, '3dbd97b0104b4bfbc3c4f8c79cd2496307c89c43c29a9f83125f1d76296ff3fd'],
  ['cuda-runtime', '12.5.82', 895_707, '3e79a060e126df40fd3a068f3f787eb000fa51b251ec6cd97d09579632687115'],
  ['cudnn', '9.3.0.75', 577_163_502, '9ad9c6929ebb5295eb4a1728024666d1c88283373e265a0c5c883e6f9d5cd76d'],
  ['cufft', '11.2.3.61', 192_524_114, '9a6e8df162585750f61983a638104a48c756aa13f9f48e19ab079b38e3c828b8'],
  ['curand', '10.3.6.82', 56_309_107, '2823fb27de4e44dbb22394a6adf53aa6e1b013aca0f8c22867d1cfae58405536'],
  ['cusolver', '11.6.3.83', 130_341_232, '93cfafacde4428b71778eeb092ec615a02a3d05404da1bcf91c53e3fa1bce42b'],
  ['cusparse', '12.5.1.3', 217_558_979, '016df8e993c437e8301e62739f01775cba988fd5253cd4c64173f8e8d2f8e752'],
  ['nccl', '2.27.7', 322_546_339, 'de5ba5562f08029a19cb1cd659404b18411ed0d6c90ac5f52f30bf99ad5809aa'],
  ['nvjitlink', '12.5.82', 21_298_879, 'f9b37bc5c8cf7509665cb6ada5aaa0ce65618f2332b7d3e78e9790511f111212'],
]

/** What has to be downloaded for a variant on a processor; empty when no wheel has the library for it. */
export function wheelsFor(variant: NativeVariant, arch: string): Wheel[] {
  const tensorflow = TENSORFLOW[`${variant}-${arch}`]
  if (!tensorflow) return []
  const wheels: Wheel[] = [{ ...tensorflow, version: TENSORFLOW_VERSION }]
  if (variant === 'gpu') {
    for (const [name, version, size, sha256] of CUDA) {
      wheels.push({ name: `nvidia-${name}-cu12`, version, platform: 'manylinux2014_x86_64', sha256, size })
    }
  }
  return wheels
}

/** Disk space that installing takes at its peak: one wheel at a time lies beside what is unpacked. */
export function bytesNeeded(variant: NativeVariant, wheels: readonly Wheel[]): number {
  return UNPACKED_BYTES[variant] + Math.max(0, ...wheels.map((wheel) => wheel.size))
}

/** TensorFlow's libraries, inside the unpacked wheel. */
export const LIBRARIES = ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'] as const

/** The folders of the wheel that are unpacked; of TensorFlow only the libraries and the C headers are used. */
export const UNPACKED_PREFIXES = [
  ...LIBRARIES.map((library) => `tensorflow/${library}`),
  'tensorflow/include/tensorflow/c/',
  'tensorflow/include/tensorflow/core/platform/',
  'tensorflow/include/tensorflow/core/common_runtime/next_pluggable_device/c/',
  'tensorflow/include/tsl/platform/',
  'tensorflow/include/xla/tsl/c/',
  'nvidia/',
]
