import { homedir } from 'node:os';
import { posix, win32 } from 'node:path';

/** The computer as the agent sees it; a test says what it is to be. */
export interface Computer {
  readonly platform: NodeJS.Platform;
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The computer that this process runs on. */
export function thisComputer(): Computer {
  return { platform: process.platform, home: homedir(), env: process.env };
}

export interface AgentFolders {
  /** What the user decided: allowed folders and origins, pairings. */
  readonly config: string;
  /** What the agent notes for itself: the lock, journals of unfinished files. */
  readonly state: string;
  /** Where files go while the user has allowed no other folder. */
  readonly recordings: string;
}

/**
 * Where the agent keeps its things: below `AIRCHECK_AGENT_HOME` if that is set, else where the platform wants them (XDG Base
 * Directory Specification; `%APPDATA%` and `%LOCALAPPDATA%`; `~/Library/Application Support`).
 */
export function agentFolders({ platform, home, env }: Computer): AgentFolders {
  const { join } = platform === 'win32' ? win32 : posix;
  const recordings = join(home, 'Aircheck');
  const own = env.AIRCHECK_AGENT_HOME;
  if (own !== undefined && own !== '') return { config: own, state: join(own, 'state'), recordings };
  switch (platform) {
    case 'win32': {
      const roaming = env.APPDATA ?? join(home, 'AppData', 'Roaming');
      const local = env.LOCALAPPDATA ?? join(home, 'AppData', 'Local');
      return { config: join(roaming, 'Aircheck Agent'), state: join(local, 'Aircheck Agent'), recordings };
    }
    case 'darwin': {
      const config = join(home, 'Library', 'Application Support', 'Aircheck Agent');
      return { config, state: join(config, 'State'), recordings };
    }
    default: {
      // Relative paths in these variables are to be ignored, says the specification.
      const xdg = (value: string | undefined, otherwise: string) =>
        value !== undefined && posix.isAbsolute(value) ? value : join(home, otherwise);
      return {
        config: join(xdg(env.XDG_CONFIG_HOME, '.config'), 'aircheck-agent'),
        state: join(xdg(env.XDG_STATE_HOME, '.local/state'), 'aircheck-agent'),
        recordings,
      };
    }
  }
}
