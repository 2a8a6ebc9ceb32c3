// Antialiased bicubic resizing of 8-bit RGB, identical to the last bit to Pillow's (13, src/libImaging/Resample.c), with
// 128-bit SIMD. AssemblyScript; src/decode/resize-kernel.ts says how it is compiled.

const PRECISION_BITS: i32 = 32 - 8 - 2
const ROUNDING: i32 = 1 << (PRECISION_BITS - 1)
/** Rows are read and written in steps of 16 bytes: what lies behind an array must exist. */
const PADDING: i32 = 16

let sourceWidth: i32 = 0
let sourceHeight: i32 = 0
let targetWidth: i32 = 0
let targetHeight: i32 = 0
let source: i32 = 0
let middle: i32 = 0
let target: i32 = 0
let first: i32 = 0
let count: i32 = 0
let weights: i32 = 0
let stride: i32 = 0

/** Makes room for one picture and returns where its bytes go. 0: no memory. */
export function prepare(sw: i32, sh: i32, dw: i32, dh: i32): i32 {
  sourceWidth = sw
  sourceHeight = sh
  targetWidth = dw
  targetHeight = dh
  const middleSize = isVerticalFirst() ? pictureSize(sw, dh) : pictureSize(dw, sh)
  source = (<i32>__heap_base + 15) & ~15
  middle = source + pictureSize(sw, sh)
  target = middle + middleSize
  first = target + pictureSize(dw, dh)
  const longest = max(dw, dh)
  count = first + 4 * longest
  weights = count + 4 * longest
  const end = weights + 4 * max(tableSize(sw, dw), tableSize(sh, dh))
  const pages = <i32>((end + 0xffff) >>> 16) - memory.size()
  if (pages > 0 && memory.grow(pages) < 0) return 0
  return source
}

/** Resizes what was copied to the place that `prepare` gave, and returns where the result lies. */
export function run(): i32 {
  if (isVerticalFirst()) {
    resizeHeight(source, sourceWidth, middle)
    resizeWidth(middle, targetHeight, target)
  } else {
    resizeWidth(source, sourceHeight, middle)
    resizeHeight(middle, targetWidth, target)
  }
  return target
}

/** Rounding to bytes between the passes makes their order visible; this is Pillow 13's. */
function isVerticalFirst(): bool {
  return sourceHeight > targetHeight && sourceHeight - targetHeight > (sourceWidth - targetWidth) * 2
}

function pictureSize(width: i32, height: i32): i32 {
  return (width * height * 3 + PADDING + 15) & ~15
}

function strideOf(from: i32, to: i32): i32 {
  const scale = max(<f64>from / <f64>to, 1.0)
  return <i32>ceil(ceil(2.0 * scale) * 2.0 + 1.0)
}

function tableSize(from: i32, to: i32): i32 {
  return strideOf(from, to) * to
}

function bicubic(x: f64): f64 {
  const a: f64 = -0.5
  const d = abs(x)
  if (d < 1.0) return ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0
  if (d < 2.0) return (((d - 5.0) * d + 8.0) * d - 4.0) * a
  return 0.0
}

/** For each output sample: the first source sample, how many, and their fixed-point weights. */
function coefficients(from: i32, to: i32): void {
  const scale = <f64>from / <f64>to
  const filterScale = max(scale, 1.0)
  const inverse = 1.0 / filterScale
  const support = 2.0 * filterScale
  stride = strideOf(from, to)
  for (let i = 0; i < to; i++) {
    const center = (<f64>i + 0.5) * scale
    const low = max(<i32>(center - support + 0.5), 0)
    const taps = min(<i32>(center + support + 0.5), from) - low
    let sum: f64 = 0
    for (let k = 0; k < taps; k++) sum += bicubic((<f64>(k + low) - center + 0.5) * inverse)
    const line = weights + 4 * (i * stride)
    for (let k = 0; k < taps; k++) {
      const plain = bicubic((<f64>(k + low) - center + 0.5) * inverse)
      const weight = sum == 0.0 ? plain : plain / sum
      store<i32>(line + 4 * k, <i32>(weight * <f64>(1 << PRECISION_BITS) + (weight < 0.0 ? -0.5 : 0.5)))
    }
    store<i32>(first + 4 * i, low)
    store<i32>(count + 4 * i, taps)
  }
}

function resizeWidth(from: i32, height: i32, to: i32): void {
  if (sourceWidth == targetWidth) {
    memory.copy(to, from, pictureSize(sourceWidth, height))
    return
  }
  coefficients(sourceWidth, targetWidth)
  const width = targetWidth
  let out = to
  let row = from
  for (let y = 0; y < height; y++) {
    let line = weights
    for (let x = 0; x < width; x++) {
      let at = row + 3 * load<i32>(first + 4 * x)
      const taps = load<i32>(count + 4 * x)
      let sum = i32x4.splat(ROUNDING)
      let k = 0
      for (; k < taps; k++) {
        const bytes = v128.load32_zero(at)
        const pixel = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(bytes))
        sum = i32x4.add(sum, i32x4.mul(pixel, v128.load_splat<i32>(line + 4 * k)))
        at += 3
      }
      const wide = i32x4.shr_s(sum, PRECISION_BITS)
      const narrow = i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_s(wide, wide), i16x8.narrow_i32x4_s(wide, wide))
      // The fourth byte is the next pixel's, which is written after it.
      store<i32>(out, i32x4.extract_lane(narrow, 0))
      out += 3
      line += 4 * stride
    }
    row += 3 * sourceWidth
  }
}

function resizeHeight(from: i32, width: i32, to: i32): void {
  if (sourceHeight == targetHeight) {
    memory.copy(to, from, pictureSize(width, sourceHeight))
    return
  }
  coefficients(sourceHeight, targetHeight)
  const rowBytes = 3 * width
  for (let y = 0; y < targetHeight; y++) {
    const taps = load<i32>(count + 4 * y)
    const line = weights + 4 * (y * stride)
    const rows = from + rowBytes * load<i32>(first + 4 * y)
    const out = to + rowBytes * y
    for (let i: i32 = 0; i < rowBytes; i += 16) {
      let a = i32x4.splat(ROUNDING)
      let b = a
      let c = a
      let d = a
      let at = rows + i
      for (let k = 0; k < taps; k++) {
        const weight = v128.load_splat<i32>(line + 4 * k)
        const bytes = v128.load(at)
        const low = i16x8.extend_low_i8x16_u(bytes)
        const high = i16x8.extend_high_i8x16_u(bytes)
        a = i32x4.add(a, i32x4.mul(i32x4.extend_low_i16x8_u(low), weight))
        b = i32x4.add(b, i32x4.mul(i32x4.extend_high_i16x8_u(low), weight))
        c = i32x4.add(c, i32x4.mul(i32x4.extend_low_i16x8_u(high), weight))
        d = i32x4.add(d, i32x4.mul(i32x4.extend_high_i16x8_u(high), weight))
        at += rowBytes
      }
      const ab = i16x8.narrow_i32x4_s(i32x4.shr_s(a, PRECISION_BITS), i32x4.shr_s(b, PRECISION_BITS))
      const cd = i16x8.narrow_i32x4_s(i32x4.shr_s(c, PRECISION_BITS), i32x4.shr_s(d, PRECISION_BITS))
      // What reaches beyond the row's end belongs to the next one, which is written after it.
      v128.store(out + i, i8x16.narrow_i16x8_u(ab, cd))
    }
  }
}
