/** One named behaviour or fault of the simulated iPhone, as `ibk sim --scenario NAME` or `--scenario NAME=VALUE` asks for it. */
export interface ScenarioDefinition {
  readonly name: string;
  /** What VALUE is, such as `N` or `PHASE:SECONDS`; absent: the scenario takes none. */
  readonly value?: string;
  /** Used when NAME stands alone although it takes a VALUE; absent: a value is required. */
  readonly defaultValue?: string;
  /** If given, VALUE must be one of these. */
  readonly choices?: readonly string[];
  /** One line for `ibk sim --list-scenarios`. */
  readonly description: string;
}
