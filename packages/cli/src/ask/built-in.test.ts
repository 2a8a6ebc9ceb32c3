// The built-in VILA-HD reads small marks in a picture that it was not trained on, and only where it looks closely.
import { join } from 'node:path'
import { askQuestions, drawMarks, pictureRandom } from '@ps3js/data-synth'
import { useBackend } from '@ps3js/tensor'
import { evaluateAnswers } from '@ps3js/trainer'
import { loadVilaHd } from '@ps3js/vila-hd'
import sharp from 'sharp'
import { expect, it } from 'vitest'
import { inTempDir } from '../../../../tools/in-temp-dir.ts'
import { assetPath } from '../assets.ts'
import { ps3 } from '../cli.fixture.ts'

const builtIn = assetPath('default-vila-hd')
/** Other seeds than training's and the card's, other combinations of colour and shape. */
const random = pictureRandom(7000, 0)
const { image, objects } = drawMarks({ random, split: 'heldout', needs: [3780] })
const questions = askQuestions(objects, { kind: 'marks', random, count: 40, longSide: 3780 }).filter(
  ({ kind, minResolution }) => kind === 'mark' && minResolution === 3780,
)

it('tells colours of small dots from a hundredth of the patches', async () => {
  await useBackend('wasm')
  const assistant = await loadVilaHd(builtIn)
  const samples = async function* () {
    for (const question of questions) yield { ...question, image }
  }
  const options = { prompt: { gradient: false }, batch: 8, maxTokens: 6, budgets: [0.05] }
  const answer = (selection: { mode: 'none' | 'predicted'; budget?: number }) =>
    evaluateAnswers(assistant, samples(), { ...options, selection })
  const without = await answer({ mode: 'none' })
  const close = await answer({ mode: 'predicted', budget: 875 })
  assistant.dispose()
  expect(close.samples).toBeGreaterThanOrEqual(4)
  // Of each question the region that it asks for.
  expect(close.recall!.values[0]).toBeGreaterThan(0.85)
  expect(close.accuracy.all).toBeGreaterThan(without.accuracy.all + 0.3)
}, 240_000)

it(
  'answers on the command line, and in a chat',
  () =>
    inTempDir(async (directory) => {
      const file = join(directory, 'marks.png')
      const { data, width, height } = image
      await sharp(data, { raw: { width, height, channels: 3 } }).toFile(file)
      const [{ question, answer }] = questions as [(typeof questions)[0]]
      const asked = ['ask', file, question, '--backend', 'wasm']
      const toy =
        /^VILA-HD-Tiny, the built-in small model, is a toy that knows its synthetic scenes only; .*\n/
      const told = { status: 0, stdout: `${answer}\n`, stderr: expect.stringMatching(toy) }
      expect(await ps3(asked)).toEqual(told)
      const chat = ['chat', file, '--backend', 'wasm']
      expect(await ps3(chat, undefined, undefined, [question])).toEqual(told)
    }),
  240_000,
)
