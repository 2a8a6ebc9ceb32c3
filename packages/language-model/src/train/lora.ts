// Low-rank adaptation (Hu et al., arXiv:2106.09685): a layer's weight stays, and the product of two narrow matrices beside
// it learns. Laid out on disk as Python's `peft` does.

import {
  add,
  ConfigError,
  clone,
  InvalidArgumentError,
  Linear,
  linear,
  Module,
  matMul,
  mul,
  normalInitializer,
  Parameter,
  type Tensor,
  tidy,
  zeros,
  zerosInitializer,
} from '@ps3js/tensor'
import { float32Layers, type LayerFactory, type LinearShape } from '../model/layers.ts'
import type { Qwen2 } from '../model/qwen2.ts'

export interface LoraOptions {
  /** Width of the narrow matrices. */
  rank: number
  /** Their product counts `alpha / rank` times. */
  alpha: number
  /** Layers that get one, by their property: some of `LORA_TARGETS`. Default: `q_proj` and `v_proj`, as in the paper. */
  targets?: readonly string[]
}

/** Layers that can have an adapter, by their property. */
export const LORA_TARGETS = [
  'q_proj',
  'k_proj',
  'v_proj',
  'o_proj',
  'gate_proj',
  'up_proj',
  'down_proj',
] as const

class LoraLinear extends Linear {
  // Private, so that the layer's own names are those of a plain one: it loads plain weights and saves them.
  readonly #adapter: LoraAdapter

  constructor({ inFeatures, outFeatures, bias, std }: LinearShape, { rank, alpha }: LoraOptions) {
    super(inFeatures, outFeatures, { bias, init: normalInitializer(std) })
    this.#adapter = new LoraAdapter(inFeatures, outFeatures, rank, alpha / rank)
  }

  get adapter(): LoraAdapter {
    return this.#adapter
  }

  override forward(x: Tensor): Tensor {
    return tidy(() => add(super.forward(x), this.#adapter.forward(x)))
  }
}

class LoraAdapter extends Module {
  readonly lora_A: { weight: Parameter }
  readonly lora_B: { weight: Parameter }
  readonly #scale: number

  constructor(inFeatures: number, outFeatures: number, rank: number, scale: number) {
    super()
    // peft's: Kaiming's uniform, which at this slope is 1 / sqrt(inFeatures); and nothing is added at the start.
    const bound = 1 / Math.sqrt(inFeatures)
    this.lora_A = {
      weight: new Parameter(
        [rank, inFeatures],
        (values, random) => void random.fillUniform(values, -bound, bound),
      ),
    }
    this.lora_B = { weight: new Parameter([outFeatures, rank], zerosInitializer) }
    this.#scale = scale
  }

  /** x [..., in] -> what is added [..., out] */
  forward(x: Tensor): Tensor {
    return tidy(() => mul(linear(linear(x, this.lora_A.weight.value), this.lora_B.weight.value), this.#scale))
  }

  /** What is added to a weight: [out, in] */
  product(): Tensor {
    return tidy(() => mul(matMul(this.lora_B.weight.value, this.lora_A.weight.value), this.#scale))
  }

  /** Begins anew: adds nothing. */
  reset(): void {
    const nothing = zeros([...this.lora_B.weight.shape])
    this.lora_B.weight.set(nothing)
    nothing.dispose()
  }
}

/**
 * Layers for `loadModel` or `new Qwen2` that hold adapters; follow with `LoraAdapters.of(model)`.
 * @throws ConfigError for a rank or a target that cannot be
 */
export function loraLayers(options: LoraOptions): LayerFactory {
  const { rank, targets = ['q_proj', 'v_proj'] } = options
  if (!Number.isInteger(rank) || rank < 1)
    throw new ConfigError(`rank is ${rank}; give a whole number from 1`)
  const known: readonly string[] = LORA_TARGETS
  const unknown = targets.find((target) => !known.includes(target))
  if (unknown !== undefined || targets.length === 0) {
    throw new ConfigError(`targets name ${unknown ?? 'no layer'}; there are ${known.join(', ')}`)
  }
  return {
    ...float32Layers,
    linear: (shape) =>
      targets.includes(shape.name) ? new LoraLinear(shape, options) : float32Layers.linear(shape),
  }
}

/** All adapters of a model, which does not own them: dispose both. Their parameters alone are to be trained. */
export class LoraAdapters extends Module {
  readonly #layers: ReadonlyMap<string, LoraLinear>

  private constructor(layers: ReadonlyMap<string, LoraLinear>) {
    super()
    this.#layers = layers
  }

  /**
   * Finds them, without values: follow with `initialize(seed)` or `loadAdapters`.
   * @throws InvalidArgumentError when the model was built without `loraLayers`
   */
  static of(model: Qwen2): LoraAdapters {
    const layers = new Map(loraLayersOf(model))
    if (layers.size > 0) return new LoraAdapters(layers)
    throw new InvalidArgumentError('this model has no adapters: build it with layers: loraLayers(…)')
  }

  /** As the model's own paths, with `lora_A.weight` [rank, in] and `lora_B.weight` [out, rank] behind the layer's. */
  override *namedParameters(prefix = ''): Generator<[string, Parameter]> {
    for (const [path, { adapter }] of this.#layers) {
      yield [`${prefix}${path}.lora_A.weight`, adapter.lora_A.weight]
      yield [`${prefix}${path}.lora_B.weight`, adapter.lora_B.weight]
    }
  }

  /** Adds what the adapters learned into the weights, after which `saveModel` writes a plain model; they begin anew. */
  merge(): void {
    for (const { weight, adapter } of this.#layers.values()) {
      const merged = tidy(() => add(weight.value, adapter.product()))
      weight.set(merged)
      merged.dispose()
      adapter.reset()
    }
  }

  /** Runs `work` on a model that `merge` has made plain, to save it, and puts every value back as it was. */
  async whileMerged<T>(work: () => Promise<T>): Promise<T> {
    const kept = [...this.baseWeights(), ...this.namedParameters()].map(
      ([, parameter]): [Parameter, Tensor] => [parameter, clone(parameter.value)],
    )
    try {
      this.merge()
      return await work()
    } finally {
      for (const [parameter, value] of kept) {
        parameter.set(value)
        value.dispose()
      }
    }
  }

  /** The weights that they are added to, as the model names them. */
  *baseWeights(): Generator<[string, Parameter]> {
    for (const [path, { weight }] of this.#layers) yield [`${path}.weight`, weight]
  }
}

function* loraLayersOf(value: unknown, path = ''): Generator<[string, LoraLinear]> {
  if (value instanceof LoraLinear) yield [path, value]
  else if (value instanceof Module || Array.isArray(value)) {
    for (const [key, child] of Object.entries(value))
      yield* loraLayersOf(child, path ? `${path}.${key}` : key)
  }
}
