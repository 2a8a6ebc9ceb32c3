// The configuration file: defaults, mistakes by name, and what is printed is read back as the same.
import { ConfigError } from '@ps3js/tensor'
import { describe, expect, it } from 'vitest'
import { parseTrainConfig, printTrainConfig, readTrainConfig } from './config.ts'
import { totalSteps } from './run-config.ts'

const least = { model: { preset: 'PS3-4K-SigLIP' }, data: { shards: 'data/{000..003}.tar' }, steps: 10 }

describe('a configuration', () => {
  it("has the recipe's defaults", () => {
    expect(parseTrainConfig(least)).toMatchObject({
      batch: 32,
      optimizer: { learningRate: 5e-6, betas: [0.9, 0.95], epsilon: 1e-8, weightDecay: 3e-4 },
      schedule: { kind: 'cosine', warmupSteps: 1500 },
      loss: { contrastive: 1, bottomUp: 1, topDown: 1 },
      selection: { selectWithGroundTruth: true, poolGroundTruthTokensOnly: true },
      data: { globalCaptionProbability: 0.25 },
    })
  })

  it('is printed with its defaults and read back as the same', () => {
    const config = parseTrainConfig({ ...least, freeze: ['text_model.*'] })
    const printed = printTrainConfig(config)
    expect(printed).toContain('warmupSteps: 1500')
    expect(readTrainConfig(printed, 'printed')).toEqual(config)
    expect(readTrainConfig(JSON.stringify(config), 'json')).toEqual(config)
  })

  it('counts steps by epochs', () => {
    const { steps: _, ...rest } = least
    expect(totalSteps(parseTrainConfig({ ...rest, epochs: 75, samplesPerEpoch: 1e6, batch: 4096 }))).toBe(
      18310,
    )
    expect(totalSteps(parseTrainConfig(least))).toBe(10)
  })

  it.each([
    [{ optimiser: {} }, /optimiser: there is no such setting; did you mean optimizer\?/],
    [{ optimizer: { learningrate: 1 } }, /optimizer\.learningrate: .* did you mean learningRate\?/],
    [{ selection: { selectWithGT: true } }, /did you mean selectWithGroundTruth\?/],
    [{ data: { shards: 'x', worker: 1 } }, /data\.worker: .* did you mean workers\? \(there are shards, /],
    [{ model: { preset: 'a', from: 'b' } }, /model: give one of preset, from and config/],
    [{ batch: 0 }, /batch: too small/],
    [{ batch: 6, accumulation: 4 }, /batch must be divisible by accumulation/],
    [{ epochs: 2 }, /give steps, or epochs with samplesPerEpoch/],
    [{ schedule: { kind: 'cooldown' } }, /schedule: cooldownSteps belongs to/],
    [{ schedule: { kind: 'linear' } }, /schedule\.kind: invalid option: expected one of "cosine"/],
    [{ log: { every: '5' } }, /log\.every: invalid input: expected number, received string/],
  ])('%j is refused', (change, message) => {
    expect(() => parseTrainConfig({ ...least, ...change }, 'train.yaml')).toThrow(ConfigError)
    expect(() => parseTrainConfig({ ...least, ...change }, 'train.yaml')).toThrow(message)
  })

  it('names every mistake at once, and files that are no YAML', () => {
    expect(() => parseTrainConfig({ ...least, stepps: 1, sed: 2 })).toThrow(/stepps.*\n.*sed.*seed/)
    expect(() => readTrainConfig('a: [1', 'broken.yaml')).toThrow(/broken\.yaml is neither YAML nor JSON: /)
    expect(() => readTrainConfig('', 'empty.yaml')).toThrow(/empty\.yaml is not valid/)
  })
})
