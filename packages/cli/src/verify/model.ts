// The model of a recorded family, loaded from a store without touching its tokenizer.

import {
  checkpointSource,
  decodeImage,
  type Normalization,
  PS3Encoder,
  parseConfig,
  type RgbImage,
  renamedSource,
} from '@ps3js/ps3-encoder'
import { bytesSource, ImageError, openCheckpoint } from '@ps3js/tensor'
import { type FixtureStore, readJson } from './store.ts'

export async function loadFamily(
  store: FixtureStore,
  normalization: Normalization,
  folder = 'model',
): Promise<PS3Encoder> {
  const names = await store.list(folder)
  const trunk = names.includes('trunk.json') ? await readJson(store, `${folder}/trunk.json`) : undefined
  const config = parseConfig(await readJson(store, `${folder}/config.json`), trunk)
  const bytes = await store.readBytes(`${folder}/model.safetensors`)
  const checkpoint = await openCheckpoint(bytesSource(bytes, `${store.location}/${folder}/model.safetensors`))
  const source = renamedSource(checkpointSource(checkpoint))
  const contrastive = [...source.names()].includes('logit_scale')
  const encoder = new PS3Encoder({ config, normalization, tokenizer: null, contrastive })
  try {
    await encoder.loadStateDict(source)
  } catch (error) {
    encoder.dispose()
    throw error
  }
  return encoder
}

/** The recorded pictures, which the model takes at their own size. */
export async function readPictures(store: FixtureStore, paths: readonly string[]): Promise<RgbImage[]> {
  return Promise.all(
    paths.map(async (path) => {
      const image = await decodeImage(await store.readBytes(path))
      if (image.width * image.height === 0) throw new ImageError(`${store.location}/${path} is empty`)
      return image
    }),
  )
}
