// `ps3 ask` and `ps3 chat` from the command line to the answer, the report and the errors.
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { memory, useBackend } from '@ps3js/tensor'
import { saveVilaHd } from '@ps3js/vila-hd'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { inTempDir } from '../../../../tools/in-temp-dir.ts'
import { byteTokenizer, tinyAssistant } from '../../../../tools/tiny-vila-hd.ts'
import { filesBelow, ps3, squarePicture, widePicture } from '../cli.fixture.ts'

let model: string
let tensors: number

beforeAll(async () => {
  await useBackend('wasm')
  model = await mkdtemp(join(tmpdir(), 'ps3-ask-'))
  const assistant = tinyAssistant({ maxPositions: 1024 })
  await saveVilaHd(assistant, model, { tokenizer: byteTokenizer() })
  assistant.dispose()
  tensors = memory().numTensors
})
afterAll(() => rm(model, { recursive: true }))
afterEach(() => expect(memory().numTensors).toBe(tensors))

const base = () => ['--model', model, '--backend', 'wasm', '--max-tokens', '4']

async function asked(args: readonly string[]) {
  const { status, stdout, stderr } = await ps3(['ask', ...args, ...base(), '--json'])
  expect(stderr).toBe('')
  expect(status).toBe(0)
  return JSON.parse(stdout)
}

/** With variables of the environment, which are put back afterwards. */
async function withEnvironment<T>(variables: Record<string, string>, work: () => Promise<T>): Promise<T> {
  Object.assign(process.env, variables)
  try {
    return await work()
  } finally {
    for (const name of Object.keys(variables)) delete process.env[name]
  }
}

describe('ps3 ask', () => {
  it('streams the answer to stdout and the token bill to stderr', async () => {
    const { status, stdout, stderr } = await ps3(['ask', widePicture, 'what is it?', ...base()])
    expect(status).toBe(0)
    const { answer } = await asked([widePicture, 'what is it?'])
    expect(stdout).toBe(`${answer}\n`)
    expect(stderr).toMatch(/text +\d+\npictures at low resolution +4\nlooked at closely +\d+\ntogether/)
    expect(stderr).toMatch(/times fewer tokens than tiles/)
    expect(stderr).toMatch(/first token after .*, 4 tokens in/)
  })

  it('shows where it looked, for each of several pictures', async () => {
    await inTempDir(async (directory) => {
      const show = join(directory, 'shown')
      const { pages } = await asked([widePicture, squarePicture, 'which <b>?', '--show', show])
      const files = ['heatmap-scale1.png', 'heatmap-scale2.png', 'report.html', 'selected.png']
      const folders = ['224x224_s1012', '291x136_s1021']
      expect(await filesBelow(show)).toEqual(
        folders.flatMap((folder) => files.map((file) => `${folder}/${file}`)),
      )
      expect(pages).toHaveLength(2)
      const html = await readFile(pages[0], 'utf8')
      expect(html).toContain('which &#60;b&#62;?')
      expect(html).toContain('What the language model reads')
      expect(html).toContain('as tiles at full resolution instead')
    })
  })

  it('makes no report of what was not looked at, and says so', async () => {
    await inTempDir(async (directory) => {
      const show = join(directory, 'shown')
      const args = ['ask', squarePicture, 'what?', '--looks', '0', '--show', show, ...base()]
      const { status, stdout, stderr } = await ps3(args)
      expect(status).toBe(0)
      expect(stdout).not.toBe('\n')
      expect(stderr).toContain(`${show}: nothing to show`)
      expect(await filesBelow(directory)).toEqual([])
    })
  })

  it('tells the answer where its report cannot be written', async () => {
    await inTempDir(async (directory) => {
      const show = join(directory, 'shown')
      // In the way of one of the report's files.
      await mkdir(join(show, 'report.html', 'taken'), { recursive: true })
      const args = ['ask', squarePicture, 'what?', '--show', show, '--json', ...base()]
      const { status, stdout, stderr } = await ps3(args)
      expect(status).toBe(1)
      expect(stderr).toContain('report.html')
      expect(JSON.parse(stdout).answer).toBe((await asked([squarePicture, 'what?'])).answer)
    })
  })

  it('takes every control from options, else from the environment', async () => {
    const patches = async (args: string[], environment: Record<string, string> = {}) =>
      (await withEnvironment(environment, () => asked([squarePicture, '?', ...args]))).pictures[0]?.patches
    expect(await patches([])).toEqual([16, 64])
    expect(await patches([], { NUM_LOOK_CLOSE: '2' })).toEqual([32, 128])
    expect(await patches(['--looks', '1'], { NUM_LOOK_CLOSE: '2' })).toEqual([16, 64])
    expect(await patches([], { NUM_LOOK_CLOSE: '2', NUM_TOKEN_LOOK_CLOSE: '40' })).toEqual([8, 32])
    expect(await patches(['--looks', '1'], { NUM_TOKEN_LOOK_CLOSE: '40' })).toEqual([16, 64])
    expect(await patches([], { SELECT_NUM_EACH_SCALE: '30+10' })).toEqual([30, 10])
    expect(await patches(['--per-scale', '5,6'], { SELECT_NUM_EACH_SCALE: '30+10' })).toEqual([5, 6])
    expect(await patches(['--looks', '0'])).toBeUndefined()
    expect(await patches(['--box', '0,0,56,56', '--tokens', '10'])).toEqual([2, 8])
    const modes = { LOOK_CLOSE_MODE: 'after_image', SMOOTH_SELECTION_PROB: 'true' }
    const { stages } = await withEnvironment(modes, () => asked([squarePicture, '?']))
    expect(stages.map((stage: { name: string }) => stage.name)).not.toContain('question')
  })

  it.each([
    [['what?'], 'name at least one picture before the question'],
    [[squarePicture, 'an <image> too many'], '2 picture tags for 1 pictures'],
    [[squarePicture, 'x'.repeat(2000)], 'more than the 1024 positions'],
    [['missing.png', 'what?'], 'missing.png'],
    [[squarePicture, widePicture], 'is a file: the question comes last'],
    [[squarePicture, ' '], 'the question, which comes last, is empty'],
    [[squarePicture, 'what?', '--show', squarePicture], 'there is a file in its place'],
    [[squarePicture, 'what?', '--smooth', 'maybe'], '--smooth maybe: give true, false'],
    [[squarePicture, 'what?', '--temperature', 'hot'], '--temperature hot: give a number'],
    [[squarePicture, 'what?', '--mode', 'sideways'], '--mode sideways: there are after-prompt, after-image'],
  ])('%s is refused', async (args, message) => {
    const { status, stderr } = await ps3(['ask', ...args, ...base()])
    expect(stderr).toContain(message)
    expect(status).not.toBe(0)
  })
})

describe('ps3 chat', () => {
  const talk = (lines: readonly string[], pictures: readonly string[]) =>
    ps3(['chat', ...pictures, ...base()], undefined, undefined, lines)

  it('answers line by line, keeps what it read, and takes pictures on the way', async () => {
    const lines = ['what is it?', '', `/image ${squarePicture}`, 'and this?', '/quit', 'never asked']
    const { status, stdout, stderr } = await talk(lines, [widePicture])
    expect(status).toBe(0)
    const { answer } = await asked([widePicture, 'what is it?'])
    expect(stdout.startsWith(`${answer}\n`)).toBe(true)
    const kept = [...stderr.matchAll(/\(\d+ tokens, (\d+) of them kept/g)].map(([, count]) => Number(count))
    expect(kept).toHaveLength(2)
    expect(kept.every((count) => count > 4)).toBe(true)
  })

  it('goes on after a question that cannot be answered', async () => {
    const { status, stdout, stderr } = await talk(
      ['a <image> too many', '/image missing.png', '/image', 'what?'],
      [widePicture],
    )
    expect(stderr).toContain('ps3: 2 picture tags for 1 pictures')
    expect(stderr).toContain('missing.png')
    expect(stderr).toContain('/image FILE adds a picture')
    expect(status).toBe(0)
    expect(stdout).toBe(`${(await asked([widePicture, 'what?'])).answer}\n`)
  })
})
