import { AVRoomMulti, ILiveConstants } from './constants.ts';
import type {
  ILiveExceptionListener,
  ILiveMemberStatusListener,
  ILiveRoomDisconnectListener,
} from './room-listeners.ts';
import { type Setting, setting } from './setting.ts';

/** The settings of {@link ILiveRoomOption} that mean something here, with the vendor's defaults. */
const defaults = {
  controlRole: '',
  authBits: AVRoomMulti.AUTH_BITS_DEFAULT as number,
  avsupport: true,
  autoCamera: true,
  autoMic: true,
  autoSpeaker: true,
  cameraId: ILiveConstants.FRONT_CAMERA as number,
  privateMapKey: '',
  imsupport: true,
  groupType: 'AVChatRoom',
  videoMode: 0,
  highAudioQuality: false,
  hostMirror: true,
};
type Values = typeof defaults;

/**
 * How a room is entered. Settings can be called (Android) and assigned (iOS), and those that the iOS SDK keeps in
 * `avOption` and `imOption` are there too.
 */
export class ILiveRoomOption {
  #disconnectListener: ILiveRoomDisconnectListener | undefined;
  #exceptionListener: ILiveExceptionListener | undefined;
  #memberListener: ILiveMemberStatusListener | undefined;
  readonly #values: Values = { ...defaults };

  /** Kept for the vendor's sake: whoever creates the room is its host. */
  readonly hostId: string;

  constructor(hostId?: string | null) {
    this.hostId = hostId ?? '';
  }

  /** For a host: everything is switched on. */
  static defaultHostLiveOption(): ILiveRoomOption {
    return new ILiveRoomOption().controlRole('LiveMaster');
  }

  /** For a viewer: nothing is sent. */
  static defaultGuestLiveOption(): ILiveRoomOption {
    const { AUTH_BITS_JOIN_ROOM, AUTH_BITS_RECV_AUDIO, AUTH_BITS_RECV_CAMERA_VIDEO, AUTH_BITS_RECV_SCREEN_VIDEO } =
      AVRoomMulti;
    return new ILiveRoomOption()
      .controlRole('Guest')
      .authBits(AUTH_BITS_JOIN_ROOM | AUTH_BITS_RECV_AUDIO | AUTH_BITS_RECV_CAMERA_VIDEO | AUTH_BITS_RECV_SCREEN_VIDEO)
      .autoCamera(false)
      .autoMic(false);
  }

  /** For somebody who links a microphone. */
  static defaultInteractUserLiveOption(): ILiveRoomOption {
    return new ILiveRoomOption().controlRole('LiveGuest');
  }

  /** Name of a role, see `roles` of `initSdk`; empty: host for who creates the room, guest for who joins it. */
  get controlRole(): Setting<string, this> {
    return this.#setting('controlRole');
  }
  set controlRole(value: string) {
    this.#values.controlRole = value;
  }

  /** Rights, bits of `AVRoomMulti`; all when absent. Without any of the `SEND` bits one is audience. */
  get authBits(): Setting<number, this> {
    return this.#setting('authBits');
  }
  set authBits(value: number) {
    this.#values.authBits = value;
  }

  /** Send and receive media at all. */
  get avsupport(): Setting<boolean, this> {
    return this.#setting('avsupport');
  }
  set avsupport(value: boolean) {
    this.#values.avsupport = value;
  }

  /** Switch the camera on when the room is entered, where the role and the rights allow it. */
  get autoCamera(): Setting<boolean, this> {
    return this.#setting('autoCamera');
  }
  set autoCamera(value: boolean) {
    this.#values.autoCamera = value;
  }

  /** Switch the microphone on when the room is entered, where the role and the rights allow it. */
  get autoMic(): Setting<boolean, this> {
    return this.#setting('autoMic');
  }
  set autoMic(value: boolean) {
    this.#values.autoMic = value;
  }

  /** Play the sound of the others. */
  get autoSpeaker(): Setting<boolean, this> {
    return this.#setting('autoSpeaker');
  }
  set autoSpeaker(value: boolean) {
    this.#values.autoSpeaker = value;
  }

  /** Which camera `autoCamera` switches on: `FRONT_CAMERA` or `BACK_CAMERA`. */
  get cameraId(): Setting<number, this> {
    return this.#setting('cameraId');
  }
  set cameraId(value: number) {
    this.#values.cameraId = value;
  }

  /** A userSig that names the room and the rights in it; taken instead of the one that was logged in with. */
  get privateMapKey(): Setting<string, this> {
    return this.#setting('privateMapKey');
  }
  set privateMapKey(value: string) {
    this.#values.privateMapKey = value;
  }

  /** No effect: there is no messaging here. */
  get imsupport(): Setting<boolean, this> {
    return this.#setting('imsupport');
  }
  set imsupport(value: boolean) {
    this.#values.imsupport = value;
  }

  /** No effect: there is no messaging here. */
  get groupType(): Setting<string, this> {
    return this.#setting('groupType');
  }
  set groupType(value: string) {
    this.#values.groupType = value;
  }

  /** No effect: pictures are sent in the foreground and in the background alike. */
  get videoMode(): Setting<number, this> {
    return this.#setting('videoMode');
  }
  set videoMode(value: number) {
    this.#values.videoMode = value;
  }

  /** No effect: sound is Opus at the browser's best rate. */
  get highAudioQuality(): Setting<boolean, this> {
    return this.#setting('highAudioQuality');
  }
  set highAudioQuality(value: boolean) {
    this.#values.highAudioQuality = value;
  }

  /** Show one's own front camera like a mirror, as in the vendor's; what is sent is never mirrored. */
  get hostMirror(): Setting<boolean, this> {
    return this.#setting('hostMirror');
  }
  set hostMirror(value: boolean) {
    this.#values.hostMirror = value;
  }

  /** Told when the room is over without having been left. */
  get roomDisconnectListener(): Setting<ILiveRoomDisconnectListener | undefined, this> {
    return setting(this, this.#disconnectListener, (listener) => {
      this.#disconnectListener = listener;
    });
  }
  set roomDisconnectListener(listener: ILiveRoomDisconnectListener | undefined) {
    this.#disconnectListener = listener;
  }

  /** Told of devices that `autoCamera` and `autoMic` could not switch on. */
  get exceptionListener(): Setting<ILiveExceptionListener | undefined, this> {
    return setting(this, this.#exceptionListener, (listener) => {
      this.#exceptionListener = listener;
    });
  }
  set exceptionListener(listener: ILiveExceptionListener | undefined) {
    this.#exceptionListener = listener;
  }

  /** Android, in the vendor's spelling: {@link memberStatusListener}. */
  roomMemberStatusLisenter(listener: ILiveMemberStatusListener | undefined): this {
    this.#memberListener = listener;
    return this;
  }

  /** Told who comes and goes, and whose picture and sound begin and end. */
  get memberStatusListener(): ILiveMemberStatusListener | undefined {
    return this.#memberListener;
  }
  set memberStatusListener(listener: ILiveMemberStatusListener | undefined) {
    this.#memberListener = listener;
  }

  /** iOS: the settings of picture and sound. */
  get avOption(): Pick<Values, 'avsupport' | 'autoCamera' | 'autoMic' | 'autoSpeaker' | 'cameraId'> {
    return this.#values;
  }

  /** iOS: the settings of messaging. */
  get imOption(): { imSupport: boolean } {
    const values = this.#values;
    return {
      get imSupport() {
        return values.imsupport;
      },
      set imSupport(value) {
        values.imsupport = value;
      },
    };
  }

  #setting<Name extends keyof Values>(name: Name): Setting<Values[Name], this> {
    return setting(this, this.#values[name], (value) => {
      this.#values[name] = value;
    });
  }
}
