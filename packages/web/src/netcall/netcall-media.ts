import { listDevices, type Room } from '../core/index.ts';
import { type NetcallDeviceType, netcallConstants, videoFrameRates, videoQualitySizes } from './constants.ts';
import type { NetcallDevice } from './events.ts';
import { type DeviceWanted, LocalDevices } from './local-devices.ts';
import { type ChannelOptions, NetcallChannel, vendorErrors } from './netcall-channel.ts';
import { NetcallError } from './netcall-error.ts';
import { RemoteSound } from './remote-sound.ts';
import { checkBitrate } from './session-config.ts';
import { VideoViews, type ViewSize } from './video-views.ts';

export interface MediaOptions extends ChannelOptions {
  /** Where one's own picture is shown. */
  container?: HTMLElement;
  /** Where the others' pictures are shown, unless `startRemoteStream` is given a node. */
  remoteContainer?: HTMLElement;
  mirror?: boolean;
  mirrorRemote?: boolean;
}

export interface StartDeviceOptions {
  /** `DEVICE_TYPE_…` */
  type: number;
  /** One of `getDevicesOfType`, or its id; the first one when absent. */
  device?: string | { readonly deviceId?: string };
  /** Of the camera's picture; what `sessionConfig` says when absent. */
  width?: number;
  height?: number;
}

/** Who is meant; both fields mean the same, the vendor's pages use either. */
export interface Target {
  readonly account?: string;
  readonly uid?: string;
}

const { DEVICE_TYPE_AUDIO_IN, DEVICE_TYPE_AUDIO_OUT_LOCAL, DEVICE_TYPE_AUDIO_OUT_CHAT, DEVICE_TYPE_VIDEO } =
  netcallConstants;

/** What one sees of oneself: the first of these that runs. The others, too, see a shared screen rather than the camera. */
const ownPictures = [
  netcallConstants.DEVICE_TYPE_DESKTOP_SCREEN,
  netcallConstants.DEVICE_TYPE_DESKTOP_WINDOW,
  netcallConstants.DEVICE_TYPE_DESKTOP_CHROME_SCREEN,
  DEVICE_TYPE_VIDEO,
] as const;

/** Devices, and what is seen and heard on the page. */
export class NetcallMedia extends NetcallChannel {
  readonly #devices: LocalDevices;
  readonly #views: VideoViews;
  readonly #sound = new RemoteSound();
  #ownSound: HTMLAudioElement | undefined;
  #quality: number | undefined;
  #frameRate: number | undefined;
  readonly #endDeviceWatch: () => void;

  constructor(options: MediaOptions) {
    super(options);
    const { container, remoteContainer, mirror = false, mirrorRemote = false } = options;
    this.#views = new VideoViews({ container, remoteContainer, mirror, mirrorRemote });
    this.#devices = new LocalDevices(this.platform.mediaDevices, {
      changed: (type, track) => {
        if (type !== DEVICE_TYPE_AUDIO_IN) this.#views.localPicture(this.#ownPicture());
        else if (this.#ownSound !== undefined) this.#playOwnSound();
        this.emit('deviceStatus', { type, status: track === undefined ? 'stop' : 'start' });
      },
      endedByItself: (type) => this.emit('streamEnded', { type }),
    });
    this.#endDeviceWatch = this.#watchDevices();
  }

  /**
   * Starts a microphone, camera, shared screen or loudspeaker. What is captured is sent as soon as one is a player in a
   * channel.
   * @throws NetcallError 401 when the user or the server refuses, 400 for an unknown type
   */
  startDevice(options: StartDeviceOptions): Promise<{ type: number; device: NetcallDevice }> {
    return vendorErrors(async () => {
      const type = checkDeviceType(options.type);
      const deviceId = typeof options.device === 'string' ? options.device : options.device?.deviceId;
      if (type === DEVICE_TYPE_AUDIO_OUT_CHAT) {
        this.#sound.start(deviceId);
      } else if (type === DEVICE_TYPE_AUDIO_OUT_LOCAL) {
        this.#ownSound = new Audio();
        this.#playOwnSound();
      } else {
        const track = await this.#devices.start(type, this.#wanted(options, deviceId));
        return { type, device: { deviceId: track.getSettings().deviceId ?? '', label: track.label } };
      }
      this.emit('deviceStatus', { type, status: 'start' });
      return { type, device: { deviceId: deviceId ?? '', label: '' } };
    });
  }

  stopDevice(deviceType: number): Promise<void> {
    return vendorErrors(() => {
      const type = checkDeviceType(deviceType);
      if (type === DEVICE_TYPE_AUDIO_OUT_CHAT) this.#sound.stop();
      else if (type === DEVICE_TYPE_AUDIO_OUT_LOCAL) this.#endOwnSound();
      else {
        this.#devices.stop(type);
        return;
      }
      this.emit('deviceStatus', { type, status: 'stop' });
    });
  }

  stopDeviceAudioIn(): Promise<void> {
    return this.stopDevice(DEVICE_TYPE_AUDIO_IN);
  }

  stopDeviceAudioOutLocal(): Promise<void> {
    return this.stopDevice(DEVICE_TYPE_AUDIO_OUT_LOCAL);
  }

  stopDeviceAudioOutChat(): Promise<void> {
    return this.stopDevice(DEVICE_TYPE_AUDIO_OUT_CHAT);
  }

  stopDeviceVideo(): Promise<void> {
    return this.stopDevice(DEVICE_TYPE_VIDEO);
  }

  /** The devices of one type; their names are empty until the page may use one. */
  getDevicesOfType(deviceType: number): Promise<{ type: number; devices: NetcallDevice[] }> {
    return vendorErrors(async () => {
      const type = checkDeviceType(deviceType);
      // Without HTTPS the browser names none.
      if (this.platform.mediaDevices === undefined) return { type, devices: [] };
      const { cameras, microphones, speakers } = await listDevices(this.platform);
      const devices = type === DEVICE_TYPE_AUDIO_IN ? microphones : type === DEVICE_TYPE_VIDEO ? cameras : speakers;
      return { type, devices: [...devices] };
    });
  }

  /** In the vendor's SDK the connection begins here; here it began when joining. */
  startRtc(): Promise<void> {
    return vendorErrors(() => {
      this.roomNow();
    });
  }

  /** Shows one's own picture. @param node - `container` of `getInstance` when absent */
  startLocalStream(node?: HTMLElement): void {
    this.#views.startLocal(node);
  }

  stopLocalStream(): void {
    this.#views.stopLocal();
  }

  suspendLocalStream(): void {
    this.#views.pauseLocal(true);
  }

  resumeLocalStream(): void {
    this.#views.pauseLocal(false);
  }

  /** Shows a participant's picture, now or when it comes; those of all who are there when nobody is named. */
  startRemoteStream(target: (Target & { readonly node?: HTMLElement }) | undefined = {}): void {
    for (const account of this.#targets(target)) this.#views.startRemote(account, target.node);
  }

  stopRemoteStream(target?: string | Target): void {
    this.#views.stopRemote(accountOf(target));
  }

  suspendRemoteStream(target?: string | Target): void {
    this.#views.pauseRemote(true, accountOf(target));
  }

  resumeRemoteStream(target?: string | Target): void {
    this.#views.pauseRemote(false, accountOf(target));
  }

  setVideoViewSize(size: ViewSize): void {
    this.#views.resizeLocal(size);
  }

  setVideoViewRemoteSize(size: ViewSize & Target): void {
    this.#views.resizeRemote(size, accountOf(size));
  }

  /** @param volume - 0 to 255, of what the others get of one's microphone */
  setCaptureVolume(volume: number): Promise<void> {
    return vendorErrors(() => this.#devices.setVolume(volume));
  }

  /** @param volume - 0 to 255, of all or of one: `{account, volume}` */
  setPlayVolume(volume: number | (Target & { readonly volume: number })): void {
    if (typeof volume === 'number') this.#sound.setVolume(volume);
    else this.#sound.setVolume(volume.volume, accountOf(volume));
  }

  /** Plays a participant's sound no more; recordings have it still. All when nobody is named. */
  setAudioBlack(target?: string | Target): Promise<void> {
    return vendorErrors(() => this.#sound.silence(true, this.#targets(target)));
  }

  setAudioStart(target?: string | Target): Promise<void> {
    return vendorErrors(() => this.#sound.silence(false, this.#targets(target)));
  }

  setVideoBlack(target?: string | Target): Promise<void> {
    return vendorErrors(() => this.#views.hideRemote(true, this.#targets(target)));
  }

  setVideoShow(target?: string | Target): Promise<void> {
    return vendorErrors(() => this.#views.hideRemote(false, this.#targets(target)));
  }

  /** Counts for a camera that is started after it. @param quality - `CHAT_VIDEO_QUALITY_…` */
  setSessionVideoQuality(quality: number): void {
    if (videoQualitySizes[quality] === undefined) {
      throw new NetcallError(400, 'There is no such quality', { input: 'quality' });
    }
    this.#quality = quality;
  }

  /** Counts for a camera that is started after it. @param frameRate - `CHAT_VIDEO_FRAME_RATE_…` */
  setSessionVideoFrameRate(frameRate: number): void {
    if (videoFrameRates[frameRate] === undefined) {
      throw new NetcallError(400, 'There is no such frame rate', { input: 'frameRate' });
    }
    this.#frameRate = frameRate;
  }

  /** Checked; the connection itself decides how much it carries. @param bitrate - 100000 to 5000000, 0 for the default */
  setSessionVideoBitrate(bitrate: number): void {
    checkBitrate(bitrate, 'bitrate');
  }

  /** Leaves, and gives everything back. */
  async destroy(): Promise<void> {
    await this.leaveChannel();
    this.#endDeviceWatch();
    this.#devices.stopAll();
    this.#endOwnSound();
    this.#views.left();
    this.removeAllListeners();
  }

  /** @internal */
  protected override async roomJoined(room: Room): Promise<void> {
    this.#views.joined(room);
    this.#sound.joined(room);
    await this.#devices.joined(room);
    await super.roomJoined(room);
  }

  /** @internal */
  protected override roomLeft(): void {
    this.#views.left();
    this.#sound.left();
    this.#devices.left();
    super.roomLeft();
  }

  /** @internal */
  protected override async becamePlayer(): Promise<void> {
    await this.#devices.publishAll();
  }

  #wanted({ width, height }: StartDeviceOptions, deviceId: string | undefined): DeviceWanted {
    const [qualityWidth, qualityHeight] = videoQualitySizes[this.#quality ?? 0] ?? [640, 480];
    const config = this.sessionConfig;
    return {
      deviceId,
      width: width ?? (this.#quality === undefined ? config?.width : undefined) ?? qualityWidth,
      height: height ?? (this.#quality === undefined ? config?.height : undefined) ?? qualityHeight,
      frameRate: (this.#frameRate === undefined ? config?.frameRate : videoFrameRates[this.#frameRate]) ?? 15,
      highAudio: config?.highAudio ?? false,
    };
  }

  #targets(target?: string | Target): string[] {
    const account = accountOf(target);
    return account === undefined ? (this.room?.participants.map(({ userId }) => userId) ?? []) : [account];
  }

  #ownPicture(): MediaStreamTrack | undefined {
    const tracks = ownPictures.map((type) => this.#devices.track(type));
    return tracks.find((track) => track !== undefined);
  }

  #playOwnSound(): void {
    const track = this.#devices.track(DEVICE_TYPE_AUDIO_IN);
    if (this.#ownSound === undefined) return;
    this.#ownSound.autoplay = true;
    this.#ownSound.srcObject = track === undefined ? null : new MediaStream([track]);
  }

  #endOwnSound(): void {
    if (this.#ownSound !== undefined) this.#ownSound.srcObject = null;
    this.#ownSound = undefined;
  }

  #watchDevices(): () => void {
    const { mediaDevices } = this.platform;
    if (mediaDevices === undefined) return () => {};
    let known: readonly MediaDeviceInfo[] = [];
    const read = async (first: boolean) => {
      const devices = await mediaDevices.enumerateDevices();
      const before = known;
      known = devices;
      this.emit('devices', devices);
      if (first) return;
      const added = missingFrom(before, devices);
      const removed = missingFrom(devices, before);
      if (added.length > 0) this.emit('deviceAdd', added);
      if (removed.length > 0) this.emit('deviceRemove', removed);
    };
    const changed = () => void read(false);
    void read(true);
    mediaDevices.addEventListener('devicechange', changed);
    return () => mediaDevices.removeEventListener('devicechange', changed);
  }
}

/** The user that a call of the vendor's means; undefined where none is named. */
export function accountOf(target: string | Target | undefined): string | undefined {
  const account = typeof target === 'string' ? target : (target?.account ?? target?.uid);
  return account === '' ? undefined : account;
}

function checkDeviceType(type: number): NetcallDeviceType {
  if (Number.isInteger(type) && type >= 0 && type <= 6) return type as NetcallDeviceType;
  throw new NetcallError(400, 'type must be one of DEVICE_TYPE_…, 0 to 6', { input: 'type' });
}

function missingFrom(those: readonly MediaDeviceInfo[], these: readonly MediaDeviceInfo[]): MediaDeviceInfo[] {
  return these.filter(({ deviceId, kind }) => !those.some((one) => one.deviceId === deviceId && one.kind === kind));
}
