// Runs inside a page: decodes what the test sends, from every kind of source that a browser has.
import { answerOpener } from '../../../../../tools/chromium/page.ts'
import { decodeImage, type ImageSource } from '../../image/index.ts'

/** A decoded picture as JSON, or the error's class and message. */
export interface PageResult {
  width?: number
  height?: number
  data?: number[]
  error?: string
  code?: string
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0))
}

await answerOpener(async ({ files, limitPixels }: { files: Record<string, string>; limitPixels: number }) => {
  const results: Record<string, PageResult> = {}
  const decode = async (name: string, make: () => ImageSource | Promise<ImageSource>, limit?: number) => {
    try {
      const { width, height, data } = await decodeImage(await make(), { limitPixels: limit })
      results[name] = { width, height, data: [...data] }
    } catch (error) {
      results[name] = { error: (error as Error).message, code: (error as { code?: string }).code }
    }
  }
  const png = new Blob([fromBase64(files.png!)], { type: 'image/png' })
  const bitmap = () => createImageBitmap(png, { colorSpaceConversion: 'none' })
  const canvas = async () => {
    const source = await bitmap()
    const made = Object.assign(document.createElement('canvas'), {
      width: source.width,
      height: source.height,
    })
    made.getContext('2d')!.drawImage(source, 0, 0)
    return made
  }
  for (const [name, base64] of Object.entries(files)) await decode(name, () => fromBase64(base64))
  await decode('blob', () => png)
  await decode('file', () => new File([png], 'a.png'))
  await decode('buffer', () => png.arrayBuffer())
  await decode('url', () => URL.createObjectURL(png))
  await decode('data url', () => `data:image/png;base64,${files.png}`)
  await decode('ImageBitmap', bitmap)
  await decode('canvas', canvas)
  await decode('ImageData', async () => {
    const { width, height } = await bitmap()
    return (await canvas()).getContext('2d')!.getImageData(0, 0, width, height)
  })
  await decode('OffscreenCanvas', async () => {
    const source = await bitmap()
    const made = new OffscreenCanvas(source.width, source.height)
    made.getContext('2d')!.drawImage(source, 0, 0)
    return made
  })
  await decode('img', async () => {
    const img = new Image()
    img.src = URL.createObjectURL(png)
    await img.decode()
    return img
  })
  await decode('empty', () => new Uint8Array(0))
  await decode('limited', () => png, limitPixels)
  await decode('unloaded img', () => new Image(9, 9))
  await decode('absent', () => new URL('absent.png', document.baseURI))
  return results
})
