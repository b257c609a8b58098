import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Asset, PlayUrls, UploadList } from '@aircheck/protocol';
import {
  browserFixtureScript,
  CuttingProxy,
  counterFaults,
  launchChromiumWithProfile,
  type RunningServer,
  readRecording,
  startServer,
} from '@aircheck/testkit';
import type * as Core from '@aircheck/web';
import type * as Recorder from '@aircheck/web/recorder';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { browserForFile } from './browser-support.ts';

/** What a page of an application keeps at hand. */
interface AppWindow {
  core: typeof Core;
  recorder: typeof Recorder;
  room: Core.Room;
  browserRecorder: Recorder.BrowserRecorder;
  recording: Recorder.ClientRecording;
  /** That `api` sends. */
  token: string;
  api: Core.RestClient;
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe('recordings that the browser keeps', () => {
  const browser = browserForFile();
  let server: RunningServer;
  /** The application's own site, which is not that of Aircheck. */
  let site: Server;
  let siteUrl: string;

  beforeAll(async () => {
    server = await startServer({ env: { AIRCHECK_MEDIA_WORKERS: '1' } });
    site = createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/html' }).end(`<!doctype html><script type="module">
        import * as core from '${server.url}/sdk/web.js';
        import * as recorder from '${server.url}/sdk/recorder.js';
        Object.assign(window, { core, recorder });
      </script>`);
    });
    await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
    siteUrl = `http://127.0.0.1:${(site.address() as AddressInfo).port}/`;
  });
  afterAll(async () => {
    site.closeAllConnections();
    site.close();
    await server.stop();
    await rm(server.dataFolder, { recursive: true, force: true });
  });

  /** Loads the SDK and joins a room with camera and microphone. */
  async function enter(page: Page, roomId: string, uploadUrl = server.url): Promise<void> {
    const token = await server.token('ann', roomId, 'host');
    await page.goto(siteUrl);
    await page.evaluate(
      async ([url, token, uploadUrl]) => {
        const app = window as unknown as AppWindow;
        app.token = token;
        app.api = new app.core.RestClient({ baseUrl: uploadUrl, token: () => app.token });
        app.room = await app.core.Room.connect(url, token);
        await Promise.all([app.room.publishCamera(), app.room.publishMicrophone()]);
        app.browserRecorder = new app.recorder.BrowserRecorder(app.room);
      },
      [server.url, token, uploadUrl] as const,
    );
  }
  const record = (page: Page, fileName: string, container: 'mp4' | 'webm' = 'mp4') =>
    page.evaluate(
      async ([fileName, container]) => {
        const app = window as unknown as AppWindow;
        const source = { userId: app.room.self.userId };
        app.recording = await app.browserRecorder.start({ source, fileName, container, upload: { api: app.api } });
        return app.recording.id;
      },
      [fileName, container] as const,
    );
  const progress = (page: Page) => page.evaluate(() => (window as unknown as AppWindow).recording.progress);
  const uploads = async () => (await server.api.request<UploadList>('GET', '/v1/uploads')).items;
  async function assetOf(fileId: string): Promise<{ asset: Asset; bytes: Buffer }> {
    const asset = await server.api.request<Asset>('GET', `/v1/assets/${fileId}`);
    const { mp4 } = await server.api.request<PlayUrls>('POST', `/v1/assets/${fileId}/play-urls`, {});
    return { asset, bytes: Buffer.from(await (await fetch(mp4)).arrayBuffer()) };
  }
  /** Plays a file to its end. A busy machine may leave pictures out, but shows none twice or torn. @returns its length */
  async function play(bytes: Buffer): Promise<number> {
    const path = join(tmpdir(), `aircheck-kept-${process.pid}.mp4`);
    onTestFinished(() => rm(path, { force: true }));
    await writeFile(path, bytes);
    const content = await readRecording(path);
    expect(counterFaults(content)).toEqual([]);
    expect(content.errors).toEqual([]);
    return content.durationMs;
  }

  it('reach the library while they grow, through cut connections and a tab that is gone in between', async () => {
    const proxy = await CuttingProxy.start(() => Number(new URL(server.url).port));
    onTestFinished(() => proxy.close());
    const page = await browser.openPage();
    await enter(page, 'cuts', proxy.url);
    proxy.cuts.push(60_000, 110_000);
    const id = await record(page, 'Cut off');
    await expect.poll(async () => [proxy.done, (await progress(page)).uploadedBytes > 200_000]).toEqual([2, true]);
    await page.reload();

    await enter(page, 'cuts', proxy.url);
    proxy.cuts.push(50_000);
    const found = await page.evaluate(async () => {
      const app = window as unknown as AppWindow;
      const [recording, ...others] = await app.browserRecorder.listRecoverable();
      if (recording === undefined || others.length > 0) throw new Error(`${others.length} others were found`);
      const { id, fileName, durationMs, sizeBytes, complete, userId, roomId } = recording;
      const result = await recording.upload({ api: app.api, tags: ['take'] }).done;
      const file = new Uint8Array(await crypto.subtle.digest('SHA-256', await (await recording.file()).arrayBuffer()));
      return { id, fileName, durationMs, sizeBytes, complete, userId, roomId, result, sha256: [...file] };
    });
    expect(found).toMatchObject({ id, fileName: 'Cut off', complete: true, userId: 'ann', roomId: 'cuts' });
    expect(Buffer.from(found.sha256).toString('hex')).toBe(found.result.sha256);
    expect(proxy.done).toBe(3);
    // It went on where it was: there is one upload, and it is this one.
    expect((await uploads()).map(({ uploadId, state }) => [uploadId, state])).toEqual([
      [found.result.uploadId, 'ready'],
    ]);
    const { asset, bytes } = await assetOf(found.result.fileId);
    expect(asset).toMatchObject({ fileName: 'Cut off', userId: 'ann', roomId: 'cuts', source: 'upload' });
    expect([bytes.byteLength, sha256(bytes)]).toEqual([found.sizeBytes, found.result.sha256]);
    expect(await play(bytes)).toBeCloseTo(found.durationMs, -2);
  });

  it('are saved as they are, and sent while they are recorded', async () => {
    const page = await browser.openPage();
    await enter(page, 'saved');
    await record(page, 'Ann: a/take', 'webm');
    // A token that is no good any more is waited for to be renewed.
    const refused = page.waitForResponse((response) => response.status() === 401);
    const token = await page.evaluate(() => {
      const app = window as unknown as AppWindow;
      const { token } = app;
      app.token = `${token}x`;
      return token;
    });
    await refused;
    await page.evaluate((token) => Object.assign(window, { token }), token);
    await expect.poll(async () => (await progress(page)).durationMs).toBeGreaterThan(2000);
    // As in Firefox and Safari, which cannot ask where to.
    await page.evaluate(() => Object.assign(window, { showSaveFilePicker: undefined }));
    const downloading = page.waitForEvent('download');
    const { uploadId, fileId, digest } = await page.evaluate(async () => {
      const app = window as unknown as AppWindow;
      const stored = await app.recording.stop();
      await stored.save();
      const { uploadId, fileId, sha256 } = await app.recording.upload!.done;
      return { uploadId, fileId, digest: sha256 };
    });
    const download = await downloading;
    expect(download.suggestedFilename()).toBe('Ann_ a_take.webm');
    const saved = await readFile(await download.path());
    expect(sha256(saved)).toBe(digest);
    const { asset, bytes } = await assetOf(fileId);
    expect(asset.fileName).toBe('Ann: a/take');
    expect(sha256(bytes)).toBe(digest);
    expect((await uploads()).find((upload) => upload.uploadId === uploadId)?.state).toBe('ready');

    // Where it can ask: the place is a real file; the dialog alone is answered by the page.
    const picked = await page.evaluate(async () => {
      const app = window as unknown as AppWindow;
      const place = await (await navigator.storage.getDirectory()).getFileHandle('picked.webm', { create: true });
      const asked: string[] = [];
      const picker = async ({ suggestedName }: { suggestedName: string }) => {
        asked.push(suggestedName);
        if (asked.length > 1) throw new DOMException('The user aborted a request.', 'AbortError');
        return place;
      };
      Object.assign(window, { showSaveFilePicker: picker });
      const [recording] = await app.browserRecorder.listRecoverable();
      const saved = [await recording!.save(), await recording!.save()];
      const digest = await crypto.subtle.digest('SHA-256', await (await place.getFile()).arrayBuffer());
      return { asked, saved, digest: [...new Uint8Array(digest)] };
    });
    expect(picked).toMatchObject({ asked: Array(2).fill('Ann_ a_take.webm'), saved: [true, false] });
    expect(Buffer.from(picked.digest).toString('hex')).toBe(digest);

    const left = await page.evaluate(async () => {
      const app = window as unknown as AppWindow;
      const [recording] = await app.browserRecorder.listRecoverable();
      const again = await recording!.upload().done;
      await recording!.remove();
      const gone = await recording!.file().catch((error) => error.code);
      const unsent = await recording!.upload().done.catch((error) => error.code);
      return [again.fileId, (await app.browserRecorder.listRecoverable()).length, gone, unsent];
    });
    // What the library has is not sent again.
    expect(left).toEqual([fileId, 0, 'recording-not-found', 'recording-not-found']);
  });

  it('are found whole after the browser was killed', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'aircheck-profile-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
    const prepare = { content: browserFixtureScript({ replaceUserMedia: true }) };
    const first = await launchChromiumWithProfile(folder);
    onTestFinished(() => first.context.close());
    await first.context.addInitScript(prepare);
    const page = await first.context.newPage();
    await enter(page, 'killed');
    await record(page, 'Killed.MP4');
    await expect.poll(async () => (await progress(page)).uploadedBytes).toBeGreaterThan(0);
    await expect.poll(async () => (await progress(page)).durationMs).toBeGreaterThan(1500);
    const { durationMs } = await progress(page);
    await first.kill();
    // Meanwhile the server has given up what came of it.
    const [begun] = await uploads();
    const authorization = `Bearer ${await server.token('ann', 'killed')}`;
    const headers = { authorization, 'tus-resumable': '1.0.0' };
    await fetch(`${server.url}/v1/uploads/${begun!.uploadId}`, { method: 'DELETE', headers });

    const second = await launchChromiumWithProfile(folder);
    onTestFinished(() => second.context.close());
    const again = await second.context.newPage();
    // Nobody has joined a room yet.
    await again.goto(siteUrl);
    // A guest has files of its own only, whomever it recorded.
    const token = await server.token('bob', 'killed', 'guest');
    const found = await again.evaluate(
      async ([baseUrl, token]) => {
        const { core, recorder } = window as unknown as AppWindow;
        const keeper = new recorder.RecordingKeeper({ api: new core.RestClient({ baseUrl, token }) });
        const [recording] = await keeper.listRecoverable();
        const { durationMs, complete, startedAt } = recording!;
        const { name } = await recording!.file();
        return {
          name,
          durationMs,
          complete,
          startedAt,
          result: await recording!.upload({ removeWhenDone: true }).done,
        };
      },
      [server.url, token] as const,
    );
    expect(found).toMatchObject({ name: 'Killed.mp4', complete: true });
    expect(found.result.uploadId).not.toBe(begun!.uploadId);
    expect(found.durationMs).toBeGreaterThan(durationMs - 1000);
    const { asset, bytes } = await assetOf(found.result.fileId);
    expect(asset).toMatchObject({
      fileName: 'Killed.MP4',
      userId: 'bob',
      startedAt: new Date(found.startedAt).toISOString(),
    });
    await play(bytes);
    expect(
      await again.evaluate(
        async () => (await new (window as unknown as AppWindow).recorder.RecordingKeeper().listRecoverable()).length,
      ),
    ).toBe(0);
  });
});
