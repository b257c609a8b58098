import type { Role } from '@aircheck/protocol';
import { Room } from '../core/index.ts';
import { answer, type ILiveCallBack, type ILiveFailure, type ILiveSuccess } from './callbacks.ts';
import { AVRoomMulti, ILiveConstants } from './constants.ts';
import type { CallKind } from './error-mapping.ts';
import { ILiveLoginManager } from './ilive-login-manager.ts';
import { ILiveRecordOption } from './ilive-record-option.ts';
import type { ILiveRoomOption } from './ilive-room-option.ts';
import { ILiveSDK } from './ilive-sdk.ts';
import { RoomSession } from './room-session.ts';

const { AUTH_BITS_CREATE_ROOM, AUTH_BITS_SEND_AUDIO, AUTH_BITS_SEND_CAMERA_VIDEO, AUTH_BITS_SEND_SCREEN_VIDEO } =
  AVRoomMulti;
const receiveAnything =
  AVRoomMulti.AUTH_BITS_RECV_AUDIO | AVRoomMulti.AUTH_BITS_RECV_CAMERA_VIDEO | AVRoomMulti.AUTH_BITS_RECV_SCREEN_VIDEO;
const sendAnything = AUTH_BITS_SEND_AUDIO | AUTH_BITS_SEND_CAMERA_VIDEO | AUTH_BITS_SEND_SCREEN_VIDEO;

/** Either shape of a callback; see {@link answer}. */
type Told<Data = void> = ILiveCallBack<Data> | ILiveSuccess<Data> | null;
type Failed = ILiveFailure | null;

/**
 * Rooms, devices and recordings. Every call takes the callbacks of the Android SDK (one object) or of the iOS SDK (two
 * functions), and gives a promise that rejects with an `ILiveError`.
 */
export class ILiveRoomManager {
  static #instance: ILiveRoomManager | undefined;
  readonly #sdk: ILiveSDK;
  readonly #login: ILiveLoginManager;
  #session: RoomSession | undefined;
  /** A room is being entered or left. */
  #busy = false;
  /** The last room ended without having been left. */
  #lost = false;
  #container: HTMLElement | undefined;

  static getInstance(): ILiveRoomManager {
    ILiveRoomManager.#instance ??= new ILiveRoomManager(ILiveSDK.getInstance(), ILiveLoginManager.getInstance());
    return ILiveRoomManager.#instance;
  }

  private constructor(sdk: ILiveSDK, login: ILiveLoginManager) {
    this.#sdk = sdk;
    this.#login = login;
    login.beforeLogout = async () => {
      await this.#session?.leave();
      this.#session = undefined;
    };
  }

  /** The room as `@aircheck/web` has it, for all that these calls do not offer; undefined outside of one. */
  get room(): Room | undefined {
    return this.#session?.room;
  }

  /**
   * Makes a room and enters it as its host. Resolves when camera and microphone are on, where the option says so.
   * @param roomId - a number as in the vendor's system, or any name
   * @returns rejects with ILiveError 8002, 8004, 8006, 8009–8012, 8021, 8051, 10003
   */
  createRoom(roomId: number | string, option: ILiveRoomOption, callBack?: Told, failed?: Failed): Promise<void> {
    return this.#call('room', () => this.#enter('new', roomId, option), callBack, failed);
  }

  /**
   * Enters a room that exists.
   * @returns rejects with ILiveError 8002, 8006, 8009–8012, 8021, 8051, 10003, 10009
   */
  joinRoom(roomId: number | string, option: ILiveRoomOption, callBack?: Told, failed?: Failed): Promise<void> {
    return this.#call('room', () => this.#enter('existing', roomId, option), callBack, failed);
  }

  /** Enters another room and leaves the present one, in which it stays when the other cannot be entered. */
  switchRoom(roomId: number | string, option: ILiveRoomOption, callBack?: Told, failed?: Failed): Promise<void> {
    const change = async () => {
      const former = this.#requireSession();
      if (String(roomId) === former.room.roomId) throw this.#sdk.error('ERR_ALREADY_IN_ROOM', String(roomId));
      await this.#exclusively(async () => {
        const next = await this.#connect('existing', roomId, option);
        await former.leave();
        await this.#settle(next, roomId, option);
      });
    };
    return this.#call('room', change, callBack, failed);
  }

  /** Leaves the room; recordings that still run end with it. @returns rejects with ILiveError 8003, 8011 */
  quitRoom(callBack?: Told, failed?: Failed): Promise<void> {
    const leave = async () => {
      const session = this.#requireSession();
      await this.#exclusively(() => session.leave());
      if (this.#session === session) this.#session = undefined;
    };
    return this.#call('room', leave, callBack, failed);
  }

  /**
   * Changes one's role. Whoever becomes audience sends nothing any more; whoever comes out of it switches on its devices
   * by `enableCamera` and `enableMic`.
   * @param role - a name, see `roles` of `initSdk`
   * @returns rejects with ILiveError 8003, 8021, 10003
   */
  changeRole(role: string, callBack?: Told, failed?: Failed): Promise<void> {
    const change = async () => {
      const { room } = this.#requireSession();
      const wanted = this.#roleNamed(role);
      const asks = this.#sdk.settings.getToken !== undefined;
      await room.changeRole(wanted, asks ? await this.#login.tokenFor(room.roomId, wanted) : undefined);
    };
    return this.#call('room', change, callBack, failed);
  }

  /** Other rights from now on; `privateMapKey` is not needed. What they do not allow is switched off. */
  changeAuthority(authBits: number, _privateMapKey?: string | null, callBack?: Told, failed?: Failed): Promise<void> {
    return this.#call('media', () => this.#requireSession().authorize(authBits), callBack, failed);
  }

  /**
   * Switches the camera on or off.
   * @param cameraId - `FRONT_CAMERA` or `BACK_CAMERA`, where there are two
   * @returns rejects with ILiveError 8003, 8007, 8022, 8023, 10003
   */
  enableCamera(cameraId: number, enable: boolean, callBack?: Told, failed?: Failed): Promise<void> {
    return this.#call('media', () => this.#requireSession().camera(enable, cameraId), callBack, failed);
  }

  /** Goes on with the other camera; recordings and viewers keep the picture. */
  switchCamera(cameraId: number, callBack?: Told, failed?: Failed): Promise<void> {
    return this.enableCamera(cameraId, true, callBack, failed);
  }

  /** Which camera is on; -1 when none is. */
  getActiveCameraId(): number {
    return this.#session?.activeCameraId ?? ILiveConstants.NONE_CAMERA;
  }

  /** Switches the microphone on, or mutes it. @returns rejects with ILiveError 8003, 8007, 8022, 8023, 10003 */
  enableMic(enable: boolean, callBack?: Told, failed?: Failed): Promise<void> {
    return this.#call('media', () => this.#requireSession().microphone(enable), callBack, failed);
  }

  /** Whether the others are heard. @returns rejects with ILiveError 8003 */
  enableSpeaker(enable: boolean, callBack?: Told, failed?: Failed): Promise<void> {
    const change = async () => {
      this.#requireSession().view.speaker = enable;
    };
    return this.#call('media', change, callBack, failed);
  }

  /** Shares a screen, a window or a tab that the user picks. @returns rejects with ILiveError 8003, 8007, 8023, 10003 */
  enableScreen(enable: boolean, callBack?: Told, failed?: Failed): Promise<void> {
    return this.#call('media', () => this.#requireSession().screen(enable), callBack, failed);
  }

  /**
   * Receives somebody's picture, or does not any more; all are received at first.
   * @param videoType - `ILiveConstants.CAMERA_VIDEO` or `SCREEN_VIDEO`
   * @returns rejects with ILiveError 8003, 10010
   */
  requestRemoteVideo(
    userId: string,
    videoType: number,
    enable = true,
    callBack?: Told,
    failed?: Failed,
  ): Promise<void> {
    const request = async () => {
      const { room } = this.#requireSession();
      const source = videoType === ILiveConstants.SCREEN_VIDEO ? 'screen' : 'camera';
      const participant = room.participants.find((one) => one.userId === userId);
      const track = participant?.tracks.find((one) => one.source === source);
      if (track === undefined) throw this.#sdk.error('AV_ERR_ENDPOINT_NOT_EXIST', `${userId}: ${source}`);
      await room.subscribe(track.trackId, enable);
    };
    return this.#call('media', request, callBack, failed);
  }

  /** Shows the pictures of the room inside an element, a `<video>` each; may be called before a room is entered. */
  initAvRootView(container: HTMLElement | null): void {
    this.#container = container ?? undefined;
    if (this.#session !== undefined) this.#session.view.container = this.#container;
  }

  /** The room as it was entered; -1 outside of one. */
  getRoomId(): number | string {
    return this.#session?.roomId ?? ILiveConstants.INVALID_INTETER_VALUE;
  }

  isEnterRoom(): boolean {
    return this.#session !== undefined;
  }

  /**
   * Starts to record this user on the server. Resolves when the first frame is on disk.
   * @returns rejects with ILiveError 1, 2, 8003, 8009, 8023, 8051, 30000000–30000411, 30000415
   */
  startRecordVideo(option: ILiveRecordOption, callBack?: Told, failed?: Failed): Promise<void> {
    return this.#call('record', () => this.#requireRecorded().start(option), callBack, failed);
  }

  /**
   * Stops the recordings of this user: of the camera and of the screen, or of one option's source alone.
   * @returns ids of all files, oldest first, playable from then on; rejects with ILiveError 8003, 30000412 and others
   */
  stopRecordVideo(callBack?: Told<string[]>, failed?: Failed): Promise<string[]>;
  stopRecordVideo(option: ILiveRecordOption, callBack?: Told<string[]>, failed?: Failed): Promise<string[]>;
  stopRecordVideo(...given: [option?: ILiveRecordOption | Told<string[]>, ...rest: unknown[]]): Promise<string[]> {
    const [option, ...others] = given[0] instanceof ILiveRecordOption ? given : [undefined, ...given];
    const [callBack, failed] = others as [Told<string[]>?, Failed?];
    const stop = () => this.#requireRecorded().stop(option as ILiveRecordOption | undefined);
    return this.#call('record', stop, callBack, failed);
  }

  /** Not here: rooms are not linked. @returns rejects with ILiveError 8023 */
  linkRoom(
    _roomId: number | string,
    _userId: string,
    _authBuf: string,
    callBack?: Told,
    failed?: Failed,
  ): Promise<void> {
    return this.#notSupported('linkRoom', callBack, failed);
  }

  /** Not here: rooms are not linked. @returns rejects with ILiveError 8023 */
  unLinkRoom(callBack?: Told, failed?: Failed): Promise<void> {
    return this.#notSupported('unLinkRoom', callBack, failed);
  }

  /** Not here: rooms are not pushed from the client. @returns rejects with ILiveError 8023 */
  startPushStream(_option: unknown, callBack?: Told, failed?: Failed): Promise<void> {
    return this.#notSupported('startPushStream', callBack, failed);
  }

  /** Not here: rooms are not pushed from the client. @returns rejects with ILiveError 8023 */
  stopPushStream(_channelId: unknown, callBack?: Told, failed?: Failed): Promise<void> {
    return this.#notSupported('stopPushStream', callBack, failed);
  }

  /** Not here: there is no messaging. @returns rejects with ILiveError 8023 */
  bindIMGroupId(_groupId: string, callBack?: Told, failed?: Failed): Promise<void> {
    return this.#notSupported('bindIMGroupId', callBack, failed);
  }

  #call<Data>(
    kind: CallKind,
    call: () => Promise<Data>,
    callBack: Told<Data> | undefined,
    failed: Failed | undefined,
  ): Promise<Data> {
    return answer(this.#sdk.run(kind, call), callBack, failed);
  }

  #notSupported(what: string, callBack: Told | undefined, failed: Failed | undefined): Promise<void> {
    const refuse = async () => {
      throw this.#sdk.error('ERR_NOT_SUPPORT', what);
    };
    return this.#call('room', refuse, callBack, failed);
  }

  async #enter(expect: 'new' | 'existing', roomId: number | string, option: ILiveRoomOption): Promise<void> {
    this.#login.requireUser();
    if (this.#session !== undefined) throw this.#sdk.error('ERR_ALREADY_IN_ROOM', String(this.#session.roomId));
    await this.#exclusively(async () => this.#settle(await this.#connect(expect, roomId, option), roomId, option));
  }

  async #connect(expect: 'new' | 'existing', roomId: number | string, option: ILiveRoomOption): Promise<Room> {
    const { serverUrl, platform } = this.#sdk.settings;
    if ((option ?? undefined) === undefined) throw this.#sdk.error('ERR_INVALID_PARAM', 'option');
    if (Number.isNaN(roomId) || String(roomId ?? '') === '') throw this.#sdk.error('ERR_INVALID_PARAM', 'roomId');
    const role = this.#roleFor(expect, option);
    const name = String(roomId);
    const token = await this.#login.tokenFor(name, role, option.privateMapKey.valueOf());
    const autoSubscribe = option.avsupport.valueOf() && (option.authBits.valueOf() & receiveAnything) !== 0;
    const room = await Room.connect(serverUrl, token, { roomId: name, role, expect, autoSubscribe, platform });
    if (room.self.userId === this.#login.getMyUserId()) return room;
    await room.leave();
    throw this.#sdk.error('ERR_INVALID_PARAM', `userId: ${room.self.userId} ≠ ${this.#login.getMyUserId()}`);
  }

  async #settle(room: Room, roomId: number | string, option: ILiveRoomOption): Promise<void> {
    const session: RoomSession = new RoomSession({
      sdk: this.#sdk,
      room,
      roomId,
      option,
      container: this.#container,
      onLost: (error, forced) => {
        if (this.#session === session) this.#session = undefined;
        this.#lost = true;
        if (forced) this.#login.forceOffline(error);
      },
    });
    this.#session = session;
    this.#lost = false;
    await session.start();
  }

  /** One call that enters or leaves at a time. @throws ILiveError 8011 */
  async #exclusively(call: () => Promise<void>): Promise<void> {
    if (this.#busy) throw this.#sdk.error('ERR_BUSY_HERE');
    this.#busy = true;
    try {
      await call();
    } finally {
      this.#busy = false;
    }
  }

  #requireSession(): RoomSession {
    this.#login.requireUser();
    if (this.#session === undefined) throw this.#sdk.error('ERR_NO_ROOM');
    return this.#session;
  }

  #requireRecorded(): RoomSession['records'] {
    this.#login.requireUser();
    if (this.#session === undefined && this.#lost) throw this.#sdk.error('ERR_RECORD_ROOM_GONE');
    return this.#requireSession().records;
  }

  #roleFor(expect: 'new' | 'existing', option: ILiveRoomOption): Role {
    const authBits = option.authBits.valueOf();
    if (expect === 'new' && (authBits & AUTH_BITS_CREATE_ROOM) === 0) {
      throw this.#sdk.error('ERR_INVALID_PARAM', 'authBits: AUTH_BITS_CREATE_ROOM');
    }
    const name = option.controlRole.valueOf();
    if (name !== '') return this.#roleNamed(name);
    if ((authBits & sendAnything) === 0) return 'audience';
    return expect === 'new' ? 'host' : 'guest';
  }

  #roleNamed(name: string): Role {
    const { roles } = this.#sdk.settings;
    const role = Object.hasOwn(roles, name) ? roles[name] : undefined;
    if (role !== undefined) return role;
    throw this.#sdk.error('ERR_INVALID_PARAM', `role ${name}: ${Object.keys(roles).join(', ')}`, { module: 'AVSDK' });
  }
}
