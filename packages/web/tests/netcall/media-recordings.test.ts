import { beforeEach, describe, expect, test } from 'vitest';
import type { Room } from '../../src/core/index.ts';
import { TypedEmitter } from '../../src/core/typed-emitter.ts';
import type { MediaRecordingInfo, MediaRecordingWish } from '../../src/netcall/media-recording.ts';
import { MediaRecordings } from '../../src/netcall/media-recordings.ts';
import type { NetcallError } from '../../src/netcall/netcall-error.ts';
import type { Recorder } from '../../src/netcall/room-recorder.ts';
import type { EndReason, StoredRecording, UploadOptions, UploadResult } from '../../src/recorder/index.ts';

/** A file in a browser, whose dialog and whose way into the library a test answers. */
class File {
  readonly container = 'mp4';
  readonly startedAt = 0;
  readonly durationMs = 3000;
  readonly sizeBytes = 7;
  readonly mimeType = 'video/mp4';
  readonly roomId = 'room';
  readonly fileName: string;
  readonly id: string;
  readonly saved = Promise.withResolvers<boolean>();
  readonly sent = Promise.withResolvers<UploadResult>();
  uploadOptions: UploadOptions | undefined;
  aborted = false;
  removed = false;

  constructor(id: string) {
    this.id = id;
    this.fileName = id;
    this.sent.promise.catch(() => {});
  }

  save(): Promise<boolean> {
    return this.saved.promise;
  }

  upload(options?: UploadOptions) {
    this.uploadOptions = options;
    const abort = async () => {
      this.aborted = true;
      this.sent.reject(new Error('given up'));
    };
    return { done: this.sent.promise, on: () => () => {}, abort };
  }

  async remove(): Promise<void> {
    this.removed = true;
  }
}

/** A recording in a browser. */
class Running extends TypedEmitter<{ ended: [StoredRecording, EndReason]; state: []; error: [] }> {
  readonly plan = { container: 'mp4' };
  readonly progress = { durationMs: 0, sizeBytes: 0 };
  readonly file: File;
  readonly id: string;
  readonly upload: ReturnType<File['upload']> | undefined;
  stopped = false;

  constructor(id: string, upload: boolean | UploadOptions | undefined) {
    super();
    this.id = id;
    this.file = new File(id);
    if (upload) this.upload = this.file.upload(upload === true ? undefined : upload);
  }

  end(reason: EndReason): void {
    this.emit('ended', this.file as unknown as StoredRecording, reason);
  }

  async stop() {
    this.stopped = true;
    this.end('stopped');
    return this.file;
  }
}

const running = new Map<string, Running>();
const errors: NetcallError[] = [];
const uploaded: MediaRecordingInfo[] = [];
let loads: (() => Promise<void>)[];
let media: MediaRecordings;

const recorder = {
  containers: ['mp4'],
  async start({ fileName, upload }: { fileName: string; upload: boolean | UploadOptions }) {
    const one = new Running(fileName, upload);
    running.set(fileName, one);
    return one;
  },
  async listRecoverable() {
    return [];
  },
} as unknown as Recorder;

beforeEach(() => {
  for (const list of [errors, uploaded]) list.length = 0;
  running.clear();
  loads = [];
  media = new MediaRecordings({
    now: () => 0,
    onError: (error) => errors.push(error),
    onStopped: () => {},
    onUploaded: (info) => uploaded.push(info),
    load: async () => {
      await loads.shift()?.();
      return recorder;
    },
  });
  const tracks = ['ann', 'ben'].map((userId) => ({ userId, tracks: [{ source: 'camera' }] }));
  media.joined({ self: { userId: 'me' }, participants: tracks, remoteTracks: [] } as unknown as Room);
});

const wish = (account: string, upload: boolean | UploadOptions = false): MediaRecordingWish => ({
  account,
  mediaType: 'video',
  format: 'mp4',
  fileName: account,
  upload,
});
const start = (account: string, upload?: boolean | UploadOptions) => media.start(wish(account, upload), 'keep');
const stop = (account?: string) => media.stopAll((one) => account === undefined || one.account === account, true);
const settled = () => new Promise((resolve) => setImmediate(resolve));
const [ann, ben] = ['ann', 'ben'].map((name) => () => running.get(name)!) as [() => Running, () => Running];
const inLibrary: UploadResult = { uploadId: 'u', fileId: '77', sha256: '' };

describe('a stop', () => {
  test('ends all recordings before it asks where to; one that cannot be saved is not', async () => {
    await Promise.all([start('ann'), start('ben')]);
    const all = stop();
    await settled();
    expect([ann().stopped, ben().stopped]).toEqual([true, true]);
    ann().file.saved.reject(new Error('the disk is gone'));
    ben().file.saved.resolve(true);
    await expect(all).resolves.toMatchObject({
      saved: false,
      recordings: [
        { account: 'ann', state: 'stopped' },
        { account: 'ben', state: 'downloaded' },
      ],
    });
    expect(errors.map(({ message }) => message)).toEqual(['the disk is gone']);
  });

  test('gives what has ended by itself, once', async () => {
    await start('ann');
    ann().end('left');
    ann().file.saved.resolve(true);
    await expect(stop('ann')).resolves.toMatchObject({ saved: true, recordings: [{ account: 'ann' }] });
    await expect(stop('ann')).rejects.toMatchObject({ code: 67001 });
  });

  test('leaves what the later calls recorded and stopped to them', async () => {
    const { recordId } = await media.start(wish('ann'), 'refuse');
    await media.stop(recordId);
    await expect(stop('ann')).rejects.toMatchObject({ code: 67001 });
  });
});

describe('an upload', () => {
  test('is told with the id in the library', async () => {
    const { recordId } = await start('ann', true);
    ann().file.sent.resolve(inLibrary);
    await settled();
    expect(uploaded).toMatchObject([{ recordId, fileId: '77' }]);
    expect(await media.list()).toMatchObject([{ recordId, fileId: '77' }]);
  });

  test('that fails is an error, and can be done again from where it was', async () => {
    const { recordId } = await start('ann', true);
    ann().file.sent.reject(new Error('refused'));
    await settled();
    expect(errors.map(({ message }) => message)).toEqual(['refused']);
    await media.stop(recordId);
    Object.assign(ann().file, { sent: Promise.withResolvers() });
    const again = media.upload(recordId, { tags: ['late'] });
    ann().file.sent.resolve(inLibrary);
    await expect(again).resolves.toMatchObject({ recordId, fileId: '77' });
    expect(ann().file.uploadOptions).toEqual({ tags: ['late'] });
  });

  test('with removeWhenDone leaves the file until the user has been given it', async () => {
    await Promise.all([start('ann', { removeWhenDone: true }), start('ben', { removeWhenDone: true })]);
    expect(ann().file.uploadOptions).toEqual({});
    const stopping = stop();
    for (const one of [ann(), ben()]) one.file.sent.resolve(inLibrary);
    await settled();
    expect([ann().file.removed, ben().file.removed]).toEqual([false, false]);
    ann().file.saved.resolve(false);
    await settled();
    expect([ann().file.removed, ben().file.removed]).toEqual([true, false]);
    ben().file.saved.resolve(true);
    await expect(stopping).resolves.toMatchObject({ saved: false });
    // The browser may still be at the download.
    expect(ben().file.removed).toBe(false);
  });

  test('is given up by cleaning, which waits for a save', async () => {
    const { recordId } = await start('ann', true);
    await media.stop(recordId);
    const saving = media.download(recordId);
    const cleaning = media.clean(recordId);
    await settled();
    expect([ann().file.aborted, ann().file.removed]).toEqual([true, false]);
    ann().file.saved.resolve(true);
    await Promise.all([saving, cleaning]);
    expect(ann().file.removed).toBe(true);
    expect(errors).toEqual([]);
  });
});

test('a recorder that could not be loaded is loaded at the next start', async () => {
  loads.push(() => Promise.reject(new Error('no network')));
  await expect(start('ann')).rejects.toThrow('no network');
  await expect(start('ann')).resolves.toMatchObject({ account: 'ann' });
});
