// Recorded outputs of VILA's projectors.
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { bytesSource, openSafetensors, type SafetensorsFile, type StateSource } from '@ps3js/tensor'
import { Connector, connectorConfigOf } from './index.ts'

const PROJECTORS = fileURLToPath(new URL('../fixtures/projectors', import.meta.url))

export interface RecordedProjector {
  mm_projector_type: string
  mm_hidden_size: number
  hidden_size: number
}

export async function readCase(
  name: string,
): Promise<{ recorded: RecordedProjector; tensors: SafetensorsFile }> {
  const recorded = JSON.parse(await readFile(`${PROJECTORS}/${name}/case.json`, 'utf8')) as RecordedProjector
  const bytes = await readFile(`${PROJECTORS}/${name}/tensors.safetensors`)
  return { recorded, tensors: await openSafetensors(bytesSource(bytes)) }
}

/** The recorded connector, or its projector and prompt head alone. */
export async function recordedConnector(name: string, { places }: { places: boolean }): Promise<Connector> {
  const { recorded, tensors } = await readCase(name)
  const source: StateSource = {
    names: () => tensors.names().flatMap((tensor) => (tensor.startsWith('w.') ? [tensor.slice(2)] : [])),
    shape: (tensor) => tensors.info(`w.${tensor}`).shape,
    read: (tensor) => tensors.readFloat32(`w.${tensor}`),
  }
  const config = connectorConfigOf(source, {
    projectorType: recorded.mm_projector_type,
    visionWidth: recorded.mm_hidden_size,
    // The reference's identity ignores the width of the language model.
    hiddenSize: recorded.mm_projector_type === 'identity' ? recorded.mm_hidden_size : recorded.hidden_size,
  })
  const connector = new Connector(places ? config : { ...config, positionGrid: null, numScales: 0 })
  await connector.loadStateDict(source, { ignore: (tensor) => !places && tensor.startsWith('high_res_') })
  return connector
}
