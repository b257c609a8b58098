import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type RunningServer, startServer } from '@aircheck/testkit';
import { afterAll, beforeAll, expect } from 'vitest';
import type { DatabaseLocation } from '../../src/db/index.ts';
import { databaseForServer, locationOf } from '../databases.ts';
import { SMALL, sharedFolder, writeRecording } from '../jobs/works/clips.ts';
import { type Call, callsOf, tencentClient } from './tencent-client.ts';

export const databases = ['sqlite', 'postgres'] as const;

/** A server of a describe block, and what is called of it with the vendor's client. */
export class LegacyServer {
  running!: RunningServer;
  call!: Call;
  /** Three seconds, 320 × 180, a second between key frames. */
  film!: Buffer;
  /** What the server keeps its state in. */
  database!: DatabaseLocation;

  /** To be called inside of `describe`. */
  constructor(kind: (typeof databases)[number]) {
    beforeAll(async () => {
      const path = join(await sharedFolder(), 'film.mp4');
      await writeRecording(path, { ...SMALL });
      this.film = await readFile(path);
      const env = { AIRCHECK_MEDIA_WORKERS: '1', AIRCHECK_WEBHOOK_ALLOW: '127.0.0.1' };
      const database = await databaseForServer(kind);
      this.running = await startServer({ env, database });
      this.database = locationOf(database, this.running.dataFolder);
      this.call = callsOf(this.client());
    }, 60_000);
    afterAll(async () => {
      await this.running.stop();
      await rm(this.running.dataFolder, { recursive: true, force: true });
    });
  }

  client(secretId = this.running.apiKey, secretKey = this.running.apiSecret) {
    return tencentClient(this.running.url, secretId, secretKey);
  }

  /** As the vendor's clients do: apply, put, commit. @returns the file's id */
  async upload(videoName: string, parameters: object = {}): Promise<string> {
    const applied = await this.call('ApplyUpload', { videoType: 'mp4', videoName, ...parameters });
    expect(applied).toMatchObject({ code: 0, message: '', codeDesc: 'Success' });
    const put = await fetch(applied.video.uploadUrl, { method: 'PUT', body: new Uint8Array(this.film) });
    expect(put.status).toBe(200);
    const committed = await this.call('CommitUpload', { vodSessionKey: applied.vodSessionKey });
    expect(committed).toMatchObject({ code: 0, fileId: expect.stringMatching(/^\d{17,20}$/) });
    return committed.fileId;
  }
}
