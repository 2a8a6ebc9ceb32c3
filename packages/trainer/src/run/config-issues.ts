// What is wrong with a configuration, a line each; an unknown key comes with the known one that it resembles most.

import { z } from 'zod'

/** Lines of text for a failed parse of `schema`. */
export function describeIssues(error: z.ZodError, schema: z.ZodType): string {
  return error.issues
    .flatMap((issue) => {
      if (issue.code !== 'unrecognized_keys') {
        return [`  ${issue.path.join('.') || 'as a whole'}: ${lowerFirst(issue.message)}`]
      }
      const known = keysAt(schema, issue.path)
      return issue.keys.map((key) => {
        const near = nearest(key, known)
        const path = [...issue.path, key].join('.')
        return `  ${path}: there is no such setting; did you mean ${near}? (there are ${known.join(', ')})`
      })
    })
    .join('\n')
}

function keysAt(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let current = unwrapped(schema)
  for (const key of path) {
    if (current instanceof z.ZodObject) current = unwrapped(current.shape[String(key)])
  }
  return current instanceof z.ZodObject ? Object.keys(current.shape) : []
}

function unwrapped(schema: z.ZodType): z.ZodType {
  return schema instanceof z.ZodPrefault || schema instanceof z.ZodDefault || schema instanceof z.ZodOptional
    ? unwrapped(schema.unwrap() as z.ZodType)
    : schema
}

function nearest(word: string, candidates: readonly string[]): string | undefined {
  const distances = candidates.map((candidate) => editDistance(word.toLowerCase(), candidate.toLowerCase()))
  return candidates[distances.indexOf(Math.min(...distances))]
}

/** Levenshtein's: insertions, deletions and replacements from one word to the other. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    }
    row = next
  }
  return row[b.length]!
}

const lowerFirst = (text: string) => text.charAt(0).toLowerCase() + text.slice(1)
