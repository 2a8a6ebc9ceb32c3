// Recorded cases of the data pipeline, which needs Node: `ps3 verify --browser` leaves them out.

import { replayBoxes } from './boxes.ts'
import { holdsCaptions, replayCaptionFiles } from './captions.ts'
import { caseKind, type Kind } from './run.ts'

export const nodeKinds: readonly Kind[] = [
  {
    matches: async (names, store) => names.includes('case.json') && (await caseKind(store)) === 'boxes',
    replay: replayBoxes,
  },
  { matches: holdsCaptions, replay: replayCaptionFiles, goesOn: true },
]
