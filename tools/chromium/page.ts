// The page's side of a test in Chromium, where the tests of every package may reach it.
export { answerOpener } from '../../packages/cli/src/browser/page.ts'
