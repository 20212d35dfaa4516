/** One command of `pawl`. */
export interface Command {
  readonly name: string
  /** One line, for the overview. */
  readonly summary: string
  /** The whole page of `pawl <command> --help`; a function where writing it needs more than the text. */
  readonly help: string | (() => Promise<string>)
  /**
   * @param argv What stands after the command's name, without `--help`.
   * @returns the exit code; undefined leaves it to what goes on running
   * @throws UsageError
   */
  run(argv: readonly string[]): Promise<number | undefined>
}
