// What `preprocessor_config.json` says about a model's pictures: the size to squash to and the normalisation.
// The reference is PS3ImageProcessor; its resize is Pillow's, which `resize` repeats to the last bit.
import { ConfigError, checkRgbImage, type RgbImage, resize } from '@ps3js/tensor'
import { z } from 'zod'
import { normalizationTable, OPENAI_MEAN, OPENAI_STD } from './normalization.ts'

const pixels = z.int().positive()
const perChannel = z.union([z.number().transform((v) => [v, v, v]), z.array(z.number()).length(3)])
const spread = z.union([
  z
    .number()
    .positive()
    .transform((v) => [v, v, v]),
  z.array(z.number().positive()).length(3),
])

const schema = z.strictObject({
  /** One number, or [height, width]. */
  image_size: z.union([pixels.transform((s): [number, number] => [s, s]), z.tuple([pixels, pixels])]),
  mean: perChannel.default([...OPENAI_MEAN]),
  std: spread.default([...OPENAI_STD]),
  /** 'random' is a training setting; the reference processes with bicubic then. */
  interpolation: z.enum(['bicubic', 'bilinear', 'random']).default('bicubic'),
  resize_mode: z.literal('squash').default('squash'),
  // Written by `save_pretrained`; copies of the fields above, checked against them.
  image_mean: perChannel.optional(),
  image_std: spread.optional(),
  size: z.strictObject({ shortest_edge: pixels }).optional(),
  crop_size: z.strictObject({ height: pixels, width: pixels }).optional(),
  image_processor_type: z.string().optional(),
  processor_class: z.string().nullish(),
})

/** Fields of `preprocessor_config.json`; all but `image_size` may be left out. */
export type ImageProcessorConfig = z.input<typeof schema>

export interface ProcessOptions {
  /** Makes the long side `imageSize` long and keeps the aspect, instead of squashing to `imageSize`. */
  keepAspect?: boolean
  signal?: AbortSignal
}

/** Brings pictures to a model's size and knows their normalisation. */
export class ImageProcessor {
  readonly imageSize: { readonly height: number; readonly width: number }
  readonly mean: readonly number[]
  readonly std: readonly number[]
  readonly interpolation: 'bicubic' | 'bilinear' | 'random'

  /**
   * @param config the parsed `preprocessor_config.json`.
   * @throws ConfigError naming every field that is unknown, missing, wrong or contradicts another one.
   */
  constructor(config: ImageProcessorConfig) {
    const parsed = schema.safeParse(config)
    if (!parsed.success) {
      throw new ConfigError(`preprocessor_config.json does not fit:\n${z.prettifyError(parsed.error)}`, {
        cause: parsed.error,
      })
    }
    const { image_size, mean, std, interpolation, image_mean, image_std } = parsed.data
    requireSame('image_mean', image_mean, 'mean', mean)
    requireSame('image_std', image_std, 'std', std)
    this.imageSize = { height: image_size[0], width: image_size[1] }
    this.mean = mean
    this.std = std
    this.interpolation = interpolation
  }

  /**
   * The picture at the model's size, as bytes: squashed to `imageSize`, or with `keepAspect` its long side made as
   * long as `imageSize`'s and the short one rounded.
   *
   * @throws ImageError for a malformed picture.
   */
  process(image: RgbImage, { keepAspect = false, signal }: ProcessOptions = {}): RgbImage {
    checkRgbImage(image)
    let { height, width } = this.imageSize
    if (keepAspect) {
      const scale = Math.max(height, width) / Math.max(image.height, image.width)
      height = Math.max(Math.round(image.height * scale), 1)
      width = Math.max(Math.round(image.width * scale), 1)
    }
    const interpolation = this.interpolation === 'bilinear' ? 'bilinear' : 'bicubic'
    return resize(image, width, height, interpolation, { signal })
  }

  /**
   * (byte / 255 - mean) / std in float32, channel planes first: [3, height, width]. Four times the picture's bytes;
   * models sample patches from the bytes instead (`samplePatches`).
   */
  normalize(image: RgbImage): Float32Array {
    checkRgbImage(image)
    const table = normalizationTable(this.mean, this.std)
    const plane = image.width * image.height
    const out = new Float32Array(3 * plane)
    for (let i = 0; i < plane; i++) {
      out[i] = table[image.data[i * 3]!]!
      out[i + plane] = table[256 + image.data[i * 3 + 1]!]!
      out[i + 2 * plane] = table[512 + image.data[i * 3 + 2]!]!
    }
    return out
  }

  /** The fields that the reference's exporter writes to `preprocessor_config.json`. */
  toJSON() {
    return {
      image_size: [this.imageSize.height, this.imageSize.width] as [number, number],
      mean: [...this.mean],
      std: [...this.std],
      interpolation: this.interpolation,
      resize_mode: 'squash' as const,
    }
  }
}

function requireSame(copy: string, values: number[] | undefined, name: string, expected: number[]): void {
  if (values?.some((value, i) => value !== expected[i])) {
    throw new ConfigError(
      `preprocessor_config.json: ${copy} [${values}] contradicts ${name} [${expected}]; remove ${copy} or make them equal`,
    )
  }
}
