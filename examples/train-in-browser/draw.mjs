// A line and a picture on canvases.

/** Values from left to right, as many as there are; the largest touches the top. */
export function drawCurve(canvas, values) {
  const { width, height } = canvas
  const context = canvas.getContext('2d')
  context.clearRect(0, 0, width, height)
  context.strokeStyle = '#2458c5'
  context.lineWidth = 2
  const top = Math.max(...values)
  context.beginPath()
  for (const [i, value] of values.entries()) {
    context.lineTo((i / Math.max(values.length - 1, 1)) * width, height * (1 - (0.95 * value) / top))
  }
  context.stroke()
}

/** 8-bit RGB at the canvas's width. */
export function drawPicture(canvas, { width, height, data }) {
  const rgba = new Uint8ClampedArray(width * height * 4).fill(255)
  for (let i = 0; i < width * height; i++) rgba.set(data.subarray(3 * i, 3 * i + 3), 4 * i)
  canvas.width = width
  canvas.height = height
  canvas.getContext('2d').putImageData(new ImageData(rgba, width, height), 0, 0)
}
