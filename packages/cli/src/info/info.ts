// What a checkpoint holds, read from its configuration and the headers of its weights.

import { splitBudget } from '@ps3js/patch-selector'
import { fromOpenClip, isOpenClip, parseTextConfig, readConfig } from '@ps3js/ps3-encoder'
import { type Checkpoint, openCheckpoint, type PretrainedFiles } from '@ps3js/tensor'

export interface PartInfo {
  parameters: number
  bytes: number
}

export interface CheckpointInfo {
  location: string
  kind: 'vision and text' | 'vision' | 'text'
  layout: 'hf' | 'openclip'
  model: string | null
  scales: number[] | null
  patchSize: number | null
  width: number
  depth: number
  heads: number
  /** Patches per look at each scale above the first. */
  budget: number[] | null
  /** By number type as stored. */
  dtypes: Record<string, PartInfo>
  /** By part of the model. */
  parts: Record<string, PartInfo>
  total: PartInfo
  tokenizer: string | null
}

/** Throws ConfigError, CheckpointError or ResourceError, each naming the file. */
export async function checkpointInfo(files: PretrainedFiles, signal?: AbortSignal): Promise<CheckpointInfo> {
  const shape = await describeConfig(files)
  const checkpoint = await openCheckpoint(files, { signal })
  try {
    const openClip = isOpenClip(checkpoint.names())
    const released = (name: string) => (openClip ? fromOpenClip(name.replace(/^module\./, '')) : name)
    return {
      location: files.location,
      layout: openClip ? 'openclip' : 'hf',
      ...shape,
      dtypes: totalsBy(checkpoint, (name) => checkpoint.info(name).dtype),
      parts: totalsBy(checkpoint, (name) => partOf(released(name))),
      total: totalsBy(checkpoint, () => 'all').all ?? { parameters: 0, bytes: 0 },
      tokenizer: await tokenizerName(files),
    }
  } finally {
    await checkpoint.close()
  }
}

async function describeConfig(files: PretrainedFiles) {
  const raw = (await files.readJson('config.json')) as { model_type?: string }
  if (raw.model_type === 'ps3_text_model') {
    const { width, layers: depth, heads } = parseTextConfig(raw)
    return {
      kind: 'text' as const,
      model: null,
      scales: null,
      patchSize: null,
      width,
      depth,
      heads,
      budget: null,
    }
  }
  const { vision, trunk, text } = await readConfig(files)
  return {
    kind: text ? ('vision and text' as const) : ('vision' as const),
    model: vision.model_name,
    scales: vision.ps3_scales,
    patchSize: trunk.patch_size,
    width: trunk.width,
    depth: trunk.depth,
    heads: trunk.heads,
    budget: vision.max_select_num_each_scale ?? splitBudget(vision.ps3_scales, vision.max_select_num),
  }
}

function partOf(name: string): string {
  if (name.startsWith('text_model.')) return 'text'
  if (name.startsWith('vision_model.trunk.')) return 'vision trunk'
  if (name.startsWith('vision_model.pos_emb_residual.')) return 'vision positions'
  if (name.startsWith('vision_model.')) return 'selection'
  return 'loss'
}

function totalsBy(checkpoint: Checkpoint, key: (name: string) => string): Record<string, PartInfo> {
  const totals: Record<string, PartInfo> = {}
  for (const name of checkpoint.names()) {
    const { shape, byteLength } = checkpoint.info(name)
    totals[key(name)] ??= { parameters: 0, bytes: 0 }
    const total = totals[key(name)]!
    total.parameters += shape.reduce((a, b) => a * b, 1)
    total.bytes += byteLength
  }
  return totals
}

async function tokenizerName(files: PretrainedFiles): Promise<string | null> {
  if (!(await files.has('tokenizer_config.json'))) return null
  const config = (await files.readJson('tokenizer_config.json')) as { tokenizer_name?: unknown }
  return typeof config.tokenizer_name === 'string' ? config.tokenizer_name : null
}
