// `npm run bench`: measures Pawl side by side with its peers. What it does is described in bench/README.md.
import { bench } from '../bench/bench.ts'
import { type Options, parseOptions, usage } from '../bench/options.ts'

// Through 'exit', so that no server of ours is left running.
process.on('SIGINT', () => process.exit(130))
process.on('SIGTERM', () => process.exit(143))

function options(): Options | undefined {
  try {
    return parseOptions(process.argv.slice(2))
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`)
    return undefined
  }
}

const asked = options()
if (asked === undefined) process.exitCode = 2
else process.exitCode = (await bench(asked)) ? 0 : 1
