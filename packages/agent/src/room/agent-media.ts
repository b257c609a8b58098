import { join } from 'node:path';
import { createClientTransportEngine, type TransportEngine } from '@aircheck/engine/transport';
import type { Logger } from 'pino';
import { type RecoveredFile, UnfinishedFiles } from './unfinished-files.ts';

/** What all rooms of one agent share: the transport engine, and the notes of files that are being written. */
export class AgentMedia {
  readonly engine: TransportEngine;
  readonly unfinished: UnfinishedFiles;
  readonly logger: Logger;
  /** What a crash had left, finished at the start. */
  readonly recovered: readonly RecoveredFile[];

  private constructor(
    engine: TransportEngine,
    unfinished: UnfinishedFiles,
    logger: Logger,
    recovered: readonly RecoveredFile[],
  ) {
    this.engine = engine;
    this.unfinished = unfinished;
    this.logger = logger;
    this.recovered = recovered;
  }

  /**
   * Opens the engine, and finishes the files that a crash left.
   * @param stateFolder - the agent's own folder; one agent at a time may use it
   * @throws AircheckError `config-invalid` when no UDP port can be had
   */
  static async open({
    stateFolder,
    logger,
  }: {
    readonly stateFolder: string;
    readonly logger: Logger;
  }): Promise<AgentMedia> {
    const unfinished = new UnfinishedFiles(join(stateFolder, 'unfinished'), logger);
    const recovered = await unfinished.finishAll();
    const engine = await createClientTransportEngine();
    return new AgentMedia(engine, unfinished, logger, recovered);
  }

  /** Closes the engine. All rooms must have been left before. */
  async close(): Promise<void> {
    await this.engine.close();
  }
}
