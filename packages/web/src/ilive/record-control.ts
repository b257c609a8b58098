import type { EndReason, Recording, RecordingSource } from '@aircheck/protocol';
import { AircheckError } from '@aircheck/protocol/errors';
import { isFinal, type Room } from '../core/index.ts';
import { AVRecordType, RecordDataType } from './constants.ts';
import type { ILiveErrorName } from './errors.ts';
import type { ILiveRecordOption } from './ilive-record-option.ts';
import type { ILiveSDK } from './ilive-sdk.ts';

/** How long a start waits for the first frame, in milliseconds: a key frame is asked for at once. */
const firstFrameTimeoutMs = 10_000;

const sources: { readonly [Type in number]?: RecordingSource } = {
  [RecordDataType.CAMERA]: 'camera',
  [RecordDataType.SCREEN]: 'screen',
};

/** What a recording that came to nothing is told as. */
const endErrors: { readonly [Reason in EndReason]?: ILiveErrorName } = {
  'storage-full': 'ERR_RECORD_NO_BALANCE',
  'no-media': 'ERR_RECORD_USER_GONE',
  left: 'ERR_RECORD_USER_GONE',
  'room-closed': 'ERR_RECORD_ROOM_GONE',
  drained: 'ERR_RECORD_NO_SERVER',
};

/** Starts and stops the recordings of this client's own user in one room. */
export class RecordControl {
  readonly #sdk: ILiveSDK;
  readonly #room: Room;
  /** Started here and not stopped yet; they may have ended by themselves. */
  readonly #started = new Map<string, RecordingSource>();
  /** Stopped here, or being stopped: the room may tell of their end later than the answer does. */
  readonly #stopped = new Set<string>();

  constructor(sdk: ILiveSDK, room: Room) {
    this.#sdk = sdk;
    this.#room = room;
  }

  /**
   * Starts a recording. Resolves when its first frame is on disk.
   * @throws ILiveError 30000000–30000004
   * @throws AircheckError what the server refuses it with
   */
  async start(option: ILiveRecordOption | null | undefined): Promise<void> {
    if (option === null || option === undefined) throw this.#sdk.error('ERR_RECORD_NO_BODY', 'option');
    const { roomId, self, api } = this.#room;
    const fileName = option.fileName.valueOf();
    const source = sources[option.recordDataType.valueOf()];
    const classId = option.classId.valueOf();
    if (!fileName) throw this.#sdk.error('ERR_RECORD_NO_FILE_NAME', 'fileName');
    if (source === undefined)
      throw this.#sdk.error('ERR_RECORD_SOURCE_TYPE', `recordDataType: ${option.recordDataType}`);
    // JSON has no such number: the server would be told of `null`.
    if (!Number.isInteger(classId)) throw this.#sdk.error('ERR_RECORD_REQUEST_INVALID', `classId: ${classId}`);
    const recording = await api.startRecording(roomId, {
      userId: self.userId,
      source,
      media: option.recordType.valueOf() === AVRecordType.AV_RECORD_TYPE_AUDIO ? 'audio' : 'av',
      fileName,
      tags: [...option.tags],
      classId,
      process: {
        transcode: option.isTransCode,
        screenshot: option.isScreenShot,
        watermark: option.isWaterMark,
      },
    });
    this.#started.set(recording.recordingId, source);
    try {
      await this.#begun(recording);
    } catch (error) {
      this.#started.delete(recording.recordingId);
      throw error;
    }
  }

  /**
   * Stops what is being recorded of the user.
   * @param option - only this one's source; camera and screen when absent
   * @returns ids of all files, oldest first; also of a recording that ended by itself since it was started here
   * @throws ILiveError 30000412 when there is none
   * @throws AircheckError what the server refuses it with; it can be called again then
   */
  async stop(option?: ILiveRecordOption): Promise<string[]> {
    const ids = this.#running(option === undefined ? undefined : sources[option.recordDataType.valueOf()]);
    if (ids.length === 0) throw this.#sdk.error('ERR_RECORD_STOPPED');
    const former = new Map(this.#started);
    for (const id of ids) {
      this.#stopped.add(id);
      this.#started.delete(id);
    }
    try {
      const ended = await Promise.all(ids.map((id) => this.#end(id)));
      const fileIds = ended.flatMap((recording) => recording.fileIds);
      const failed = ended.find(({ state }) => state === 'failed');
      if (fileIds.length === 0 && failed !== undefined) throw this.#cameToNothing(failed);
      return fileIds;
    } catch (error) {
      if (error instanceof AircheckError) {
        for (const id of ids) {
          const source = former.get(id);
          if (source !== undefined) this.#started.set(id, source);
          this.#stopped.delete(id);
        }
      }
      throw error;
    }
  }

  #running(source: RecordingSource | undefined): string[] {
    const { recordings, self } = this.#room;
    // Those of an earlier visit of the page are the user's as well.
    const live = recordings.filter((one) => one.userId === self.userId && !isFinal(one.state));
    const known = new Map([...this.#started, ...live.map((one) => [one.recordingId, one.source] as const)]);
    return [...known]
      .filter(([id, its]) => !this.#stopped.has(id) && (source === undefined || its === source))
      .map(([id]) => id);
  }

  async #end(recordingId: string): Promise<Recording> {
    const { api } = this.#room;
    try {
      return await api.stopRecording(recordingId);
    } catch (error) {
      // It ended by itself, or somebody else ended it: its files are there all the same.
      if (error instanceof AircheckError && error.code === 'recording-stopped') return api.recording(recordingId);
      throw error;
    }
  }

  /** Resolves when the recording has its first frame, or still waits for it after a while. @throws ILiveError when it came to nothing */
  async #begun(started: Recording): Promise<void> {
    const { recordingId } = started;
    const current = () => this.#room.recordings.find((one) => one.recordingId === recordingId) ?? started;
    if (current().state === 'starting') {
      let stopWaiting = (): void => {};
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, firstFrameTimeoutMs);
        const unlisten = [
          this.#room.on('recording', (recording) => {
            if (recording.recordingId === recordingId && recording.state !== 'starting') resolve();
          }),
          this.#room.on('closed', () => resolve()),
        ];
        stopWaiting = () => {
          clearTimeout(timer);
          for (const end of unlisten) end();
        };
      });
      stopWaiting();
    }
    const { state } = current();
    if (state === 'failed') throw this.#cameToNothing(current());
  }

  #cameToNothing({ endReason, detail }: Recording): Error {
    const name = (endReason === null ? undefined : endErrors[endReason]) ?? 'ERR_RECORD_REPLY_NO_RESULT';
    return this.#sdk.error(name, detail ?? endReason ?? '');
  }
}
