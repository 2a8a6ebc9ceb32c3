// Option values from text: numbers, lists, boxes, sizes in bytes. Each names the option and shows what would do.

import type { Box } from '@ps3js/patch-selector'
import { InvalidArgumentError } from '@ps3js/tensor'

type Parse<T> = (text: string) => T

/** A whole number of at least `min`. */
export function whole(option: string, min = 0): Parse<number> {
  return (text) => {
    const value = Number(text)
    if (!/^\d+$/.test(text.trim()) || !Number.isSafeInteger(value) || value < min) {
      throw new InvalidArgumentError(`${option} ${text}: give a whole number of at least ${min}`)
    }
    return value
  }
}

/** A whole number, or `all`. */
export function wholeOrAll(option: string, min = 0): Parse<number | 'all'> {
  return (text) => {
    if (text === 'all') return text
    try {
      return whole(option, min)(text)
    } catch (cause) {
      throw new InvalidArgumentError(`${option} ${text}: give a whole number of at least ${min}, or all`, {
        cause,
      })
    }
  }
}

/** Whole numbers with commas between. */
export function wholeList(option: string): Parse<number[]> {
  return (text) => text.split(',').map((part) => whole(option)(part.trim()))
}

/** Above 0 and at most 1. */
export function share(option: string): Parse<number> {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text)
    if (value > 0 && value <= 1) return value
    throw new InvalidArgumentError(`${option} ${text}: give a share above 0 and at most 1, such as 0.9`)
  }
}

/** A number of at least 0. */
export function amount(option: string): Parse<number> {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text)
    if (value >= 0 && Number.isFinite(value)) return value
    throw new InvalidArgumentError(`${option} ${text}: give a number of at least 0, such as 0.7`)
  }
}

/** One of the names. */
export function oneOf<T extends string>(option: string, names: readonly T[]): Parse<T> {
  return (text) => {
    const found = names.find((name) => name === text)
    if (found !== undefined) return found
    throw new InvalidArgumentError(`${option} ${text}: there are ${names.join(', ')}`)
  }
}

const NUMBER = String.raw`-?\d+(?:\.\d+)?`
const BOX = new RegExp(`^\\s*${NUMBER}(?:\\s*,\\s*${NUMBER}){3}\\s*$`)

/** Whether a text can only be meant as a box. */
export const isBox = (text: string): boolean => BOX.test(text)

/** `x1,y1,x2,y2` in pixels of the picture. */
export function box(text: string): Box {
  if (!isBox(text)) {
    throw new InvalidArgumentError(
      `--box ${text}: give x1,y1,x2,y2 in pixels of the picture, such as 100,50,400,300`,
    )
  }
  const [x1, y1, x2, y2] = text.split(',').map(Number) as [number, number, number, number]
  if (x2 <= x1 || y2 <= y1) {
    throw new InvalidArgumentError(
      `--box ${text}: it ends before it starts; give x1,y1,x2,y2 with x1 < x2 and y1 < y2`,
    )
  }
  return [x1, y1, x2, y2]
}

const UNITS: Record<string, number> = {
  '': 1,
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KIB: 2 ** 10,
  MIB: 2 ** 20,
  GIB: 2 ** 30,
}

/** Bytes as `2GB`, `500 MiB` or a plain number. */
export function byteSize(option: string): Parse<number> {
  return (text) => {
    const match = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text)
    const bytes = Math.floor(Number(match?.[1]) * (UNITS[(match?.[2] ?? '').toUpperCase()] ?? Number.NaN))
    if (bytes >= 1) return bytes
    throw new InvalidArgumentError(`${option} ${text}: give a size such as 2GB or 500MB`)
  }
}
