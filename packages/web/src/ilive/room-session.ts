import type { Participant, Track } from '@aircheck/protocol';
import { AircheckError } from '@aircheck/protocol/errors';
import { captureCamera, type LocalTrack, type Room, type SignalingEnd } from '../core/index.ts';
import { AVRoomMulti, ILiveConstants } from './constants.ts';
import type { ILiveError, ILiveErrorName } from './errors.ts';
import type { ILiveRoomOption } from './ilive-room-option.ts';
import type { ILiveSDK } from './ilive-sdk.ts';
import { RecordControl } from './record-control.ts';
import type { ILiveEventHandler, ILiveMemberStatusListener } from './room-listeners.ts';
import { RoomView } from './room-view.ts';

/** What a member sends, in the vendor's terms. */
type Sent = 'camera' | 'audio' | 'screen';

const sendBits: { readonly [What in Sent]: number } = {
  camera: AVRoomMulti.AUTH_BITS_SEND_CAMERA_VIDEO,
  audio: AVRoomMulti.AUTH_BITS_SEND_AUDIO,
  screen: AVRoomMulti.AUTH_BITS_SEND_SCREEN_VIDEO,
};

const beginsAs: { readonly [What in Sent]: number } = {
  camera: ILiveConstants.TYPE_MEMBER_CHANGE_HAS_CAMERA_VIDEO,
  audio: ILiveConstants.TYPE_MEMBER_CHANGE_HAS_AUDIO,
  screen: ILiveConstants.TYPE_MEMBER_CHANGE_HAS_SCREEN_VIDEO,
};

const endErrors: { readonly [Reason in SignalingEnd]?: ILiveErrorName } = {
  replaced: 'ERR_KICK_OUT',
  kicked: 'ERR_KICK_OUT',
  'room-closed': 'AV_ERR_ROOM_NOT_EXIST',
};

export interface RoomSessionOptions {
  readonly sdk: ILiveSDK;
  readonly room: Room;
  /** As the application gave it. */
  readonly roomId: number | string;
  readonly option: ILiveRoomOption;
  readonly container: HTMLElement | undefined;
  /** The room is over though this client did not leave. */
  readonly onLost: (error: ILiveError, forced: boolean) => void;
}

/** This client's stay in one room: its devices, what it tells of the others, its recordings. */
export class RoomSession {
  readonly room: Room;
  readonly roomId: number | string;
  readonly records: RecordControl;
  readonly view: RoomView;
  readonly #options: RoomSessionOptions;
  readonly #sent = new Map<string, ReadonlySet<Sent>>();
  #authBits: number;
  #cameraId: number;

  constructor(options: RoomSessionOptions) {
    const { sdk, room, roomId, option, container } = options;
    this.#options = options;
    this.room = room;
    this.roomId = roomId;
    this.records = new RecordControl(sdk, room);
    this.#authBits = option.authBits.valueOf();
    this.#cameraId = option.cameraId.valueOf();
    this.view = new RoomView(room, {
      container,
      speaker: option.avsupport.valueOf() && option.autoSpeaker.valueOf(),
      mirrored: () => option.hostMirror.valueOf() && this.#cameraId === ILiveConstants.FRONT_CAMERA,
    });
    room.on('participant-joined', (participant) => this.#came(participant));
    room.on('participant-updated', (participant) => this.#changed(participant));
    room.on('participant-left', ({ userId }) => this.#left(userId));
    room.on('closed', (reason, error) => this.#closed(reason, error));
    for (const participant of room.participants) this.#came(participant);
  }

  /** Which camera is on; `NONE_CAMERA` when none is. */
  get activeCameraId(): number {
    return this.room.localTrack('camera') === undefined ? ILiveConstants.NONE_CAMERA : this.#cameraId;
  }

  /** Switches on what the room is to be entered with. A device that cannot be had does not keep anyone out. */
  async start(): Promise<void> {
    const { option } = this.#options;
    if (!option.avsupport.valueOf()) return;
    const works = [
      ...(option.autoCamera.valueOf() && this.#maySend('camera') ? [this.camera(true, this.#cameraId)] : []),
      ...(option.autoMic.valueOf() && this.#maySend('audio') ? [this.microphone(true)] : []),
    ];
    for (const result of await Promise.allSettled(works)) {
      if (result.status === 'fulfilled') continue;
      const { errCode, errMsg } = this.#options.sdk.failure(result.reason, 'media');
      option.exceptionListener.valueOf()?.onException(errCode, errMsg);
    }
  }

  /** @param cameraId - which one is switched on */
  async camera(enabled: boolean, cameraId: number): Promise<void> {
    const track = this.room.localTrack('camera');
    if (!enabled) {
      if (track !== undefined) this.room.unpublish(track);
    } else if (track === undefined) {
      this.#requireRight('camera');
      const mediaStreamTrack = await this.#captureCamera(cameraId);
      this.#cameraId = cameraId;
      await this.#publish(mediaStreamTrack);
    } else if (cameraId !== this.#cameraId) await this.#replaceCamera(track, cameraId);
    this.#tell((handler) => handler.onCameraUpdate?.(cameraId, enabled));
  }

  /** Switches the microphone on, or mutes it: a recording then goes on with silence, in the same file. */
  async microphone(enabled: boolean): Promise<void> {
    const track = this.room.localTrack('microphone');
    if (track !== undefined) await this.room.setMuted(track, !enabled);
    else if (enabled) {
      this.#requireRight('audio');
      this.#requireDevices();
      await this.room.publishMicrophone();
    }
  }

  async screen(enabled: boolean): Promise<void> {
    const shared = [this.room.localTrack('screen'), this.room.localTrack('screen-audio')];
    if (!enabled) {
      for (const track of shared) if (track !== undefined) this.room.unpublish(track);
    } else if (shared[0] === undefined) {
      this.#requireRight('screen');
      this.#requireDevices();
      await this.room.publishScreen();
    }
  }

  /** Other rights from now on: what is not allowed any more is switched off. */
  async authorize(authBits: number): Promise<void> {
    this.#authBits = authBits;
    if (!this.#maySend('camera')) await this.camera(false, this.#cameraId);
    if (!this.#maySend('screen')) await this.screen(false);
    if (!this.#maySend('audio')) await this.microphone(false);
  }

  /** Leaves the room. */
  async leave(): Promise<void> {
    this.view.close();
    await this.room.leave();
  }

  #maySend(what: Sent): boolean {
    return this.room.self.role !== 'audience' && (this.#authBits & sendBits[what]) !== 0;
  }

  #requireRight(what: Sent): void {
    if (!this.#maySend(what)) throw this.#options.sdk.error('AV_ERR_NO_PERMISSION', what);
  }

  #requireDevices(): void {
    const { sdk } = this.#options;
    if (sdk.settings.platform.mediaDevices === undefined) throw sdk.error('ERR_NOT_SUPPORT', 'HTTPS');
  }

  #captureCamera(cameraId: number): Promise<MediaStreamTrack> {
    this.#requireDevices();
    const facingMode = cameraId === ILiveConstants.BACK_CAMERA ? 'environment' : 'user';
    return captureCamera(this.#options.sdk.settings.platform, { facingMode });
  }

  async #publish(mediaStreamTrack: MediaStreamTrack): Promise<void> {
    try {
      await this.room.publish(mediaStreamTrack, 'camera');
    } catch (error) {
      mediaStreamTrack.stop();
      throw error;
    }
  }

  async #replaceCamera(track: LocalTrack, cameraId: number): Promise<void> {
    // Phones give one camera at a time.
    track.mediaStreamTrack.stop();
    try {
      const mediaStreamTrack = await this.#captureCamera(cameraId);
      this.#cameraId = cameraId;
      await this.room.replaceTrack(track, mediaStreamTrack);
    } catch (error) {
      // The former picture would stand still for good.
      this.room.unpublish(track);
      throw error;
    }
  }

  #came(participant: Participant): void {
    const { userId } = participant;
    this.#sent.set(userId, new Set());
    this.#tell((handler, roomId) => handler.onRoomMemberIn?.(roomId, String(roomId), userId));
    this.#tellEndpoints(ILiveConstants.TYPE_MEMBER_CHANGE_IN, userId);
    this.#changed(participant);
  }

  #changed({ userId, tracks }: Participant): void {
    const former = this.#sent.get(userId) ?? new Set();
    const present = new Set(tracks.map(sentAs).filter((what) => what !== undefined));
    this.#sent.set(userId, present);
    for (const what of former) if (!present.has(what)) this.#tellSent(userId, what, false);
    for (const what of present) if (!former.has(what)) this.#tellSent(userId, what, true);
  }

  #left(userId: string): void {
    for (const what of this.#sent.get(userId) ?? []) this.#tellSent(userId, what, false);
    this.#sent.delete(userId);
    this.#tell((handler, roomId) => handler.onRoomMemberOut?.(roomId, String(roomId), userId));
    this.#tellEndpoints(ILiveConstants.TYPE_MEMBER_CHANGE_OUT, userId);
  }

  #tellSent(userId: string, what: Sent, begins: boolean): void {
    this.#tell((handler, roomId) => {
      const groupId = String(roomId);
      if (what === 'audio') {
        if (begins) handler.onRoomHasAudio?.(roomId, groupId, userId);
        else handler.onRoomNoAudio?.(roomId, groupId, userId);
        return;
      }
      const videoType = what === 'camera' ? ILiveConstants.CAMERA_VIDEO : ILiveConstants.SCREEN_VIDEO;
      if (begins) handler.onRoomHasVideo?.(roomId, groupId, userId, videoType);
      else handler.onRoomNoVideo?.(roomId, groupId, userId, videoType);
    });
    // The end of each kind has the number after its beginning's.
    this.#tellEndpoints(beginsAs[what] + (begins ? 0 : 1), userId);
  }

  #closed(reason: SignalingEnd, cause: AircheckError | undefined): void {
    this.view.close();
    if (reason === 'left') return;
    const { sdk, option, onLost } = this.#options;
    const name = endErrors[reason];
    const error =
      name === undefined
        ? sdk.failure(cause ?? new AircheckError('draining', 'The server is shutting down'), 'login')
        : sdk.error(name, reason);
    const forced = error.errCode === ILiveConstants.ERR_KICK_OUT || error.errCode === ILiveConstants.ERR_EXPIRE;
    onLost(error, forced);
    if (reason === 'room-closed') this.#tell((handler, roomId) => handler.onGroupDisband?.(roomId, String(roomId)));
    const { errCode, errMsg } = error;
    this.#tell((handler, roomId) => handler.onRoomDisconnected?.(roomId, String(roomId), errCode, errMsg));
    option.roomDisconnectListener.valueOf()?.onRoomDisconnect(errCode, errMsg);
  }

  #tell(tell: (handler: ILiveEventHandler, roomId: number | string) => void): void {
    this.#options.sdk.tell((handler) => tell(handler, this.roomId));
  }

  #tellEndpoints(eventId: number, userId: string): void {
    const listener: ILiveMemberStatusListener | undefined = this.#options.option.memberStatusListener;
    listener?.onEndpointsUpdateInfo(eventId, [userId]);
  }
}

/** What a track is in the vendor's terms; nothing while it is muted, or the sound of a shared screen. */
function sentAs({ source, muted }: Track): Sent | undefined {
  if (muted || source === 'screen-audio') return undefined;
  return source === 'microphone' ? 'audio' : source;
}
