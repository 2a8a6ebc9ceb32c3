// What this package needs of the browser; the other platform's folder exports the same names.
import { InvalidArgumentError } from '@ps3js/tensor'

const needsNode = async (): Promise<never> => {
  throw new InvalidArgumentError('scenes and documents are drawn in Node only: in a browser use drawShapes')
}

export const drawOnCanvas = needsNode
export const rgbOf = needsNode
export const synthesize = needsNode
