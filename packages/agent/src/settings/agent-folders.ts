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

const XDG_DEFAULTS = { XDG_CONFIG_HOME: '.config', XDG_STATE_HOME: '.local/state' };

/** A base folder of the XDG Base Directory Specification, which wants relative paths in these variables ignored. */
export function xdgFolder(name: keyof typeof XDG_DEFAULTS, { home, env }: Pick<Computer, 'home' | 'env'>): string {
  const value = env[name];
  return value !== undefined && posix.isAbsolute(value) ? value : posix.join(home, XDG_DEFAULTS[name]);
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
      return {
        config: join(xdgFolder('XDG_CONFIG_HOME', { home, env }), 'aircheck-agent'),
        state: join(xdgFolder('XDG_STATE_HOME', { home, env }), 'aircheck-agent'),
        recordings,
      };
    }
  }
}
