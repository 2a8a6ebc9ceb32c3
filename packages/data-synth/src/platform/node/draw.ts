// A scene or a document from its generator, on a canvas.
import type { Canvas } from '@napi-rs/canvas'
import { pick } from '../../splits.ts'
import type { RgbPicture, SynthObject } from '../../types.ts'
import { loadAssets } from './assets.ts'
import { drawArticle } from './documents/article.ts'
import { drawChart } from './documents/chart.ts'
import { drawForm } from './documents/form.ts'
import { drawReceipt } from './documents/receipt.ts'
import { drawTable } from './documents/table.ts'
import { drawDriving } from './scenes/driving.ts'
import { drawGaming } from './scenes/gaming.ts'
import { drawHousehold } from './scenes/household.ts'
import { drawInterfaces } from './scenes/interfaces.ts'
import { Stage, type StageOptions } from './stage.ts'

const DRAWERS = {
  driving: drawDriving,
  household: drawHousehold,
  gaming: drawGaming,
  interfaces: drawInterfaces,
  article: drawArticle,
  receipt: drawReceipt,
  form: drawForm,
  table: drawTable,
  chart: drawChart,
} as const satisfies Record<string, (stage: Stage) => string>

export type Domain = keyof typeof DRAWERS

export const DOMAINS = {
  scenes: ['driving', 'household', 'gaming', 'interfaces'],
  documents: ['article', 'receipt', 'form', 'table', 'chart'],
} as const satisfies Record<string, Domain[]>

export interface Drawing {
  canvas: Canvas
  objects: SynthObject[]
  globalCaption: string
  domain: Domain
}

/** A picture of any domain of the kind. */
export const drawOnCanvas = (
  kind: keyof typeof DOMAINS,
  options: Omit<StageOptions, 'pictures'>,
): Promise<Drawing> => drawDomain(pick<Domain>(options.random, DOMAINS[kind]), options)

export async function drawDomain(domain: Domain, options: Omit<StageOptions, 'pictures'>): Promise<Drawing> {
  const stage = new Stage({ ...options, pictures: await loadAssets() })
  const phrase = DRAWERS[domain](stage)
  const objects = stage.objects()
  return { canvas: stage.canvas, objects, globalCaption: globalCaption(phrase, objects), domain }
}

/** Names the picture and its largest objects: what can be seen of it at a low resolution. */
function globalCaption(phrase: string, objects: readonly SynthObject[]): string {
  const area = ({ box: [x1, y1, x2, y2] }: SynthObject) => (x2 - x1) * (y2 - y1)
  const largest = objects.toSorted((a, b) => area(b) - area(a)).slice(0, 4)
  return `${phrase} with ${largest.map(({ caption }) => caption).join(', ')}`
}

/** The pixels without their alpha: every drawing is opaque. */
export function rgbOf(canvas: Canvas): RgbPicture {
  const { width, height } = canvas
  const rgba = canvas.data()
  const data = new Uint8Array(width * height * 3)
  for (let i = 0, j = 0; j < data.length; i += 4, j += 3) {
    data[j] = rgba[i]!
    data[j + 1] = rgba[i + 1]!
    data[j + 2] = rgba[i + 2]!
  }
  return { width, height, data }
}
