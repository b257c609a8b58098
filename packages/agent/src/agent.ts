import { newFileId } from '@aircheck/engine/file-id';
import type { AgentConsole } from './console/index.ts';
import { Door } from './door/index.ts';
import { thisFileSystem } from './paths/index.ts';
import { Recordings } from './recordings/index.ts';
import { AgentMedia, RoomViewer } from './room/index.ts';
import {
  type AgentFolders,
  AgentLock,
  type OnUnreadable,
  type PairingCode,
  Pairings,
  Settings,
} from './settings/index.ts';
import { version } from './version.ts';

export interface AgentOptions {
  readonly folders: AgentFolders;
  /** Tried in order; those of every agent when absent. */
  readonly ports?: readonly number[];
  readonly console: AgentConsole;
  /** The user wants it to end. */
  readonly onQuit: () => void;
}

/** The agent that runs: opened doors, joined rooms, files that grow. */
export interface Agent {
  readonly port: number;
  /** Finishes all files, leaves all rooms, closes the door. */
  close(): Promise<void>;
}

/**
 * Wires the agent together, finishes what a crash left, and opens the door.
 * @throws AircheckError `data-locked` while another agent runs, `config-invalid`
 */
export async function startAgent({ folders, ports, console, onQuit }: AgentOptions): Promise<Agent> {
  const { logger } = console;
  const unreadable: OnUnreadable = (error) =>
    logger.error({ err: error }, 'settings cannot be read; what they last were goes on');
  const settings = new Settings(folders, unreadable);
  const pairings = new Pairings(folders, Date.now, unreadable);
  const lock = new AgentLock(folders.state, settings.agentId);
  await lock.take();
  try {
    const media = await AgentMedia.open({ stateFolder: folders.state, logger });
    for (const { path, durationMs } of media.recovered) {
      logger.info({ path, durationMs }, 'finished a file that was cut off');
    }
    const recordings: Recordings = new Recordings({
      settings,
      join: (options) => RoomViewer.join(options, media),
      system: thisFileSystem(),
      unfinished: media.unfinished,
      logger,
      notify: (origin, notice) => door.notify(origin, notice),
      onChanged: console.draw,
      newId: () => newFileId(),
      now: () => performance.now(),
      wallClock: Date.now,
    });
    const door: Door = await Door.open({
      ...(ports !== undefined && { ports }),
      settings,
      pairings,
      service: recordings,
      onChanged: console.draw,
      logger,
    });
    lock.opened(door.port);

    let code: PairingCode = pairings.newCode();
    console.open({
      view: () => {
        const open = new Set(door.openOrigins);
        return {
          version,
          port: door.port,
          code: pairings.isOpen(code) ? { code: code.code, leftMs: code.validUntil - Date.now() } : undefined,
          pages: pairings.origins.map(({ origin }) => ({ origin, connected: open.has(origin) })),
          folders: settings.folders,
          recordings: recordings.running.map(({ account, file, recording }) => ({
            account,
            file,
            ...recording.progress(),
          })),
        };
      },
      newCode: () => {
        try {
          code = pairings.newCode();
        } catch (error) {
          logger.error({ err: error }, 'no code could be made');
          return;
        }
        console.showCode(code);
      },
      quit: onQuit,
    });
    logger.info({ port: door.port, version }, 'listening');
    console.showCode(code);
    return {
      port: door.port,
      async close() {
        await recordings.close();
        await door.close();
        await media.close();
        console.close();
        lock.release();
      },
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}
