import { preset } from '../../tools/tsup-preset.ts'

export default preset()
