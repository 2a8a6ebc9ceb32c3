// What is to be asked about a file of regions: one question per region without text, one per picture without a global one.

import { createHash } from 'node:crypto'
import { ResourceError } from '@ps3js/tensor'
import { type Box, clipBox } from './boxes.ts'
import { readPicture } from './picture.ts'
import { type CaptionPrompts, fillPrompt } from './prompts.ts'
import { type PictureRegions, regionLines } from './regions-file.ts'
import { globalView, regionView } from './views.ts'

export interface Question {
  /** Of the picture's bytes, the box, the prompt and the model: the same question is not asked twice. */
  key: string
  prompt: string
  /** Data URLs: the whole picture, and for a region its close-up. */
  pictures: () => Promise<string[]>
}

/** How regions become questions. */
export interface Asking {
  root: string
  model: string
  prompts: CaptionPrompts
}

/** Every question, in the order of the file. */
export async function* questions(
  file: string,
  asking: Asking,
  signal?: AbortSignal,
): AsyncGenerator<Question> {
  for await (const line of regionLines(file, signal)) {
    if ('skipped' in line) continue
    const views = new Views(asking.root, line)
    const boxes: (Box | null)[] = line.text ? [] : usableBoxes(line)
    if (line.global_text === undefined) boxes.push(null)
    for (const box of boxes) {
      const prompt = fillPrompt(asking.prompts, box, line.width, line.height)
      yield { key: questionKey(line, box, prompt, asking.model), prompt, pictures: () => views.of(box) }
    }
  }
}

/** The key of the question about a region, or about the whole picture (`box` null). */
export function keyOf(line: PictureRegions, box: Box | null, { prompts, model }: Asking): string {
  return questionKey(line, box, fillPrompt(prompts, box, line.width, line.height), model)
}

function questionKey(line: PictureRegions, box: Box | null, prompt: string, model: string): string {
  return createHash('sha256')
    .update(JSON.stringify([line.sha256, box, prompt, model]))
    .digest('hex')
}

function usableBoxes({ box, width, height }: PictureRegions): Box[] {
  return box.flatMap((one) => {
    const clipped = clipBox(one, width, height)
    return clipped ? [clipped] : []
  })
}

/** A picture's views, made when first asked for and shared by its questions. */
class Views {
  readonly #root: string
  readonly #line: PictureRegions
  #picture: ReturnType<typeof readPicture> | null = null
  #whole: Promise<string> | null = null

  constructor(root: string, line: PictureRegions) {
    this.#root = root
    this.#line = line
  }

  async of(box: Box | null): Promise<string[]> {
    this.#picture ??= this.#read()
    const picture = await this.#picture
    this.#whole ??= globalView(picture)
    const whole = await this.#whole
    return box ? [whole, await regionView(picture, box)] : [whole]
  }

  async #read() {
    const { picture: name, sha256 } = this.#line
    const picture = await readPicture(this.#root, name)
    if (picture.sha256 === sha256) return picture
    throw new ResourceError(`${name} has changed since its regions were proposed: propose them again`)
  }
}
