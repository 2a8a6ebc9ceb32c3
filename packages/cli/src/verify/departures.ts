// Where this project differs from the reference on purpose. The replay with the recorded selection must still agree.

export interface Departure {
  /** Which part of the suite. */
  kind: 'vision' | 'preprocess' | 'sizes' | 'loss'
  /** Whether a recorded case falls under it. */
  matches: (recorded: RecordedCase) => boolean
  /** Which outputs of a vision or loss case may differ: all others must agree. None where a case has no comparable output. */
  outputs?: RegExp
  reason: string
}

/** What the departures look at in a recorded case. */
export interface RecordedCase {
  kind?: string
  call?: Record<string, unknown>
  gt_selection_maps_call_dtype?: string
  pil_mode?: string
  exif?: boolean
}

const SELECTION = /^(looks|selection)/
const SELECTION_AND_PROBABILITIES = /^(looks|selection|select_probs)/

export const departures: readonly Departure[] = [
  {
    kind: 'vision',
    matches: ({ kind }) => kind === 'vision-error',
    reason: 'the reference raises; here the call takes as many patches as it asks for',
  },
  {
    kind: 'vision',
    matches: ({ call }) => call?.only_select_first_n_scale != null,
    outputs: SELECTION,
    reason:
      'first n scales: the total is kept and the first scales fill up first; the reference forces one patch elsewhere',
  },
  {
    kind: 'sizes',
    matches: ({ call }) => call?.only_select_first_n_scale != null,
    reason:
      'first n scales: the total is kept; the reference forces one patch elsewhere, raises, or gets it wrong',
  },
  {
    kind: 'vision',
    matches: ({ call }) => call?.num_look_close === 'all' || call?.num_token_look_close === 'all',
    outputs: SELECTION,
    reason: "'all' takes every patch; the reference loses some where surplus cannot move to a larger scale",
  },
  {
    kind: 'vision',
    matches: ({ gt_selection_maps_call_dtype: dtype }) => dtype !== undefined && !dtype.startsWith('float'),
    outputs: SELECTION_AND_PROBABILITIES,
    reason: 'partly covered cells of integer maps count; the reference truncates them away',
  },
  {
    kind: 'loss',
    matches: ({ gt_selection_maps_call_dtype: dtype }) => dtype !== undefined && !dtype.startsWith('float'),
    outputs: /^(total|(prior|posterior)_box_supervision_loss|grad_(bottomup|topdown)_probs\.\d+)$/,
    reason: 'partly covered cells of integer maps count; the reference truncates them away',
  },
  {
    kind: 'preprocess',
    matches: ({ exif }) => exif === true,
    reason: 'EXIF rotation is applied; the reference ignores it',
  },
  {
    kind: 'preprocess',
    matches: ({ pil_mode: mode }) => mode !== undefined && mode !== 'RGB',
    reason:
      'pictures become RGB before they are resized, alpha is laid on white, 16 bit is scaled; the reference resizes first',
  },
]

/** Why a recorded case is expected to differ, and in what, if it is. */
export function departure(kind: Departure['kind'], recorded: RecordedCase): Departure | undefined {
  return departures.find((d) => d.kind === kind && d.matches(recorded))
}
