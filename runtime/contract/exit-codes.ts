/** Exit codes of the servers and of the `lnmt` command. */
export const EXIT_CODES = {
  ok: 0,
  /** Something failed that the caller did not cause by a wrong invocation; also: the grace period cut requests. */
  failure: 1,
  /** The invocation or the configuration is wrong: repeating it unchanged cannot succeed. */
  usage: 2,
  /** A synthesized description was refused. */
  invalidDescription: 3,
  /** Something that the command needs is absent (a tool, a package, a credential). */
  missingPrerequisite: 4,
  /** Ended by SIGHUP, as shells report it: the terminal was closed. */
  hungUp: 129,
  /** Ended by SIGINT, as shells report it. */
  interrupted: 130,
} as const;
