// A SigLIP checkpoint as Hugging Face's transformers names it (SiglipModel, also of SigLIP 2), under the property paths
// of PS3's towers, which are SigLIP's: q, k and v are one matrix there, and pooling has keys and values apart from queries.

import type { StateSource } from '@ps3js/tensor'

/** A tensor, or some thirds of its first axis, at a place among others that make up one of ours. */
interface Piece {
  path: string
  place: number
  name: string
  /** First and last third; all of it when absent. */
  thirds?: readonly [number, number]
}

const POOL = 'vision_model.trunk.attn_pool'

/** Beginnings of names, without those of blocks. */
const OUTSIDE: Record<string, string> = {
  logit_scale: 'logit_scale',
  logit_bias: 'logit_bias',
  'vision_model.embeddings.patch_embedding': 'vision_model.trunk.patch_embed.proj',
  'vision_model.embeddings.position_embedding.weight': 'vision_model.trunk.pos_embed',
  'vision_model.post_layernorm': 'vision_model.trunk.norm',
  'vision_model.head.probe': `${POOL}.latent`,
  'vision_model.head.attention.out_proj': `${POOL}.proj`,
  'vision_model.head.layernorm': `${POOL}.norm`,
  'vision_model.head.mlp': `${POOL}.mlp`,
  'text_model.embeddings.token_embedding': 'text_model.token_embedding',
  'text_model.embeddings.position_embedding.weight': 'text_model.positional_embedding',
  'text_model.final_layer_norm': 'text_model.ln_final',
  'text_model.head': 'text_model.text_projection',
}

/** Where blocks lie, and how their parts begin. */
const BLOCKS = {
  vision_model: {
    at: 'vision_model.trunk.blocks',
    parts: { layer_norm1: 'norm1', layer_norm2: 'norm2', 'self_attn.out_proj': 'attn.proj', mlp: 'mlp' },
    qkv: 'attn.qkv.',
  },
  text_model: {
    at: 'text_model.transformer.resblocks',
    parts: {
      layer_norm1: 'ln_1',
      layer_norm2: 'ln_2',
      'self_attn.out_proj': 'attn.out_proj',
      'mlp.fc1': 'mlp.c_fc',
      'mlp.fc2': 'mlp.c_proj',
    },
    qkv: 'attn.in_proj_',
  },
} as const

const inBlock = /^(vision_model|text_model)\.encoder\.layers\.(\d+)\.(.+)$/
const inQueryKeyValue = /^self_attn\.([qkv])_proj\.(weight|bias)$/
const inPooling = /^vision_model\.head\.attention\.in_proj_(weight|bias)$/

export function isTransformersSiglip(names: Iterable<string>): boolean {
  for (const name of names) if (name === 'vision_model.embeddings.patch_embedding.weight') return true
  return false
}

/** A view of the checkpoint by our paths. Names that are none of SigLIP's are left out. */
export function transformersSiglip(source: StateSource): StateSource {
  const pieces = new Map<string, Piece[]>()
  for (const piece of [...source.names()].flatMap(piecesOf)) {
    pieces.set(
      piece.path,
      [...(pieces.get(piece.path) ?? []), piece].sort((a, b) => a.place - b.place),
    )
  }
  const rowsOf = ({ name, thirds: [first, last] = [0, 2] }: Piece): readonly [number, number] => {
    const rows = source.shape(name)[0]!
    return [(rows / 3) * first, (rows / 3) * (last + 1)]
  }
  return {
    names: () => pieces.keys(),
    shape(path) {
      const list = pieces.get(path)!
      const [rows, ...rest] = source.shape(list[0]!.name)
      if (path.startsWith('logit_')) return rest
      if (path === 'vision_model.trunk.pos_embed') return [1, rows!, ...rest]
      return [list.map(rowsOf).reduce((sum, [from, to]) => sum + to - from, 0), ...rest]
    },
    async read(path) {
      const list = pieces.get(path)!
      if (list.length === 1 && !list[0]!.thirds) return source.read(list[0]!.name)
      const parts: Float32Array[] = []
      for (const piece of list) {
        const values = await source.read(piece.name)
        const row = values.length / source.shape(piece.name)[0]!
        const [from, to] = rowsOf(piece)
        parts.push(values.subarray(from * row, to * row))
      }
      return concatenated(parts)
    },
  }
}

function piecesOf(name: string): Piece[] {
  const pooling = inPooling.exec(name)?.[1]
  if (pooling) {
    return [
      { path: `${POOL}.q.${pooling}`, place: 0, name, thirds: [0, 0] },
      { path: `${POOL}.kv.${pooling}`, place: 0, name, thirds: [1, 2] },
    ]
  }
  const [, tower, index, rest] = inBlock.exec(name) ?? []
  if (!tower) return renamed(name, OUTSIDE, name)
  const { at, parts, qkv } = BLOCKS[tower as keyof typeof BLOCKS]
  const [, which, kind] = inQueryKeyValue.exec(rest!) ?? []
  if (which) return [{ path: `${at}.${index}.${qkv}${kind}`, place: 'qkv'.indexOf(which), name }]
  return renamed(rest!, parts, name, `${at}.${index}.`)
}

/** By the beginning that `table` knows: whole, or up to a dot. */
function renamed(part: string, table: Record<string, string>, name: string, before = ''): Piece[] {
  const start = Object.keys(table).find((key) => part === key || part.startsWith(`${key}.`))
  if (start === undefined) return []
  return [{ path: before + table[start]! + part.slice(start.length), place: 0, name }]
}

function concatenated(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}
