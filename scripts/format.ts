// `npm run format`: writes what `npm run check` would complain about, as far as a tool can.
import { run, tool } from './tool.ts'

const { code, output } = await run(tool('@biomejs/biome', 'biome'), [
  'check',
  '--write',
  ...process.argv.slice(2),
])
console.log(output)
process.exitCode = code
