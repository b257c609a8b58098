import type { TrackSource } from '@aircheck/protocol';
import type { LocalTrack, Room } from '../core/index.ts';
import { type NetcallDeviceType, netcallConstants } from './constants.ts';
import { MicrophoneGain } from './microphone-gain.ts';
import { NetcallError } from './netcall-error.ts';

/** What a page asks of a device. */
export interface DeviceWanted {
  readonly deviceId: string | undefined;
  readonly width: number;
  readonly height: number;
  readonly frameRate: number;
  readonly highAudio: boolean;
}

interface Running {
  readonly wanted: DeviceWanted;
  /** As captured. */
  readonly track: MediaStreamTrack;
  readonly gain: MicrophoneGain | undefined;
  /** What is sent: the captured track, or what its volume was changed to. */
  sent: MediaStreamTrack;
  published: LocalTrack | undefined;
}

type CapturedType = 0 | 3 | 4 | 5 | 6;

export interface LocalDevicesListener {
  /** A device began, gives another track, or (without one) ended. */
  changed(type: NetcallDeviceType, track: MediaStreamTrack | undefined): void;
  /** A device was unplugged, or the user ended the sharing in the browser. */
  endedByItself(type: NetcallDeviceType): void;
}

/** Microphone, camera and screen: captured when the page starts them, sent while the user is a player in a channel. */
export class LocalDevices {
  readonly #mediaDevices: MediaDevices | undefined;
  readonly #listener: LocalDevicesListener;
  readonly #running = new Map<CapturedType, Running>();
  #room: Room | undefined;
  #volume = 255;

  constructor(mediaDevices: MediaDevices | undefined, listener: LocalDevicesListener) {
    this.#mediaDevices = mediaDevices;
    this.#listener = listener;
  }

  /** What a started device gives. */
  track(type: CapturedType): MediaStreamTrack | undefined {
    return this.#running.get(type)?.sent;
  }

  /**
   * Starts a device, or goes over to another one of its kind.
   * @throws DOMException as `getUserMedia` does
   * @throws AircheckError what the server refuses the track with
   */
  async start(type: CapturedType, wanted: DeviceWanted): Promise<MediaStreamTrack> {
    const former = this.#running.get(type);
    if (former !== undefined && former.track.readyState === 'live' && former.wanted.deviceId === wanted.deviceId) {
      return former.sent;
    }
    const track = await this.#capture(type, wanted);
    const gain = type === netcallConstants.DEVICE_TYPE_AUDIO_IN ? new MicrophoneGain(track) : undefined;
    const sent = gain?.at(this.#volume) ?? track;
    const running: Running = { wanted, track, gain, sent, published: former?.published };
    this.#running.set(type, running);
    track.addEventListener('ended', () => this.#ended(type, running), { once: true });
    try {
      if (running.published !== undefined) await this.#room?.replaceTrack(running.published, sent);
      else await this.#publish(type, running);
    } catch (error) {
      this.stop(type);
      throw error;
    }
    if (former !== undefined) release(former);
    this.#listener.changed(type, sent);
    return sent;
  }

  stop(type: CapturedType): void {
    const running = this.#running.get(type);
    if (running === undefined) return;
    this.#running.delete(type);
    if (running.published !== undefined) this.#room?.unpublish(running.published);
    release(running);
    this.#listener.changed(type, undefined);
  }

  stopAll(): void {
    for (const type of [...this.#running.keys()]) this.stop(type);
  }

  /** @param volume - 0 to 255, of the microphone */
  async setVolume(volume: number): Promise<void> {
    this.#volume = Math.min(255, Math.max(0, volume));
    const running = this.#running.get(netcallConstants.DEVICE_TYPE_AUDIO_IN);
    if (running?.gain === undefined) return;
    const sent = running.gain.at(this.#volume);
    if (sent === running.sent) return;
    running.sent = sent;
    if (running.published !== undefined) await this.#room?.replaceTrack(running.published, sent);
  }

  /** A channel was joined: what has been started is sent. */
  async joined(room: Room): Promise<void> {
    this.#room = room;
    room.on('local-track-removed', (track, error) => {
      for (const [type, running] of this.#running) {
        if (running.published !== track) continue;
        running.published = undefined;
        // Without an error the role was taken away: it goes on when the user becomes a player again.
        if (error !== undefined) this.stop(type);
      }
    });
    await this.publishAll();
  }

  /** Sends what is started, after the user became a player. Devices that ended meanwhile are captured again. */
  async publishAll(): Promise<void> {
    for (const [type, running] of [...this.#running]) {
      if (running.published !== undefined) continue;
      if (running.sent.readyState === 'live') await this.#publish(type, running);
      else {
        this.#running.delete(type);
        release(running);
        await this.start(type, running.wanted);
      }
    }
  }

  left(): void {
    this.#room = undefined;
    this.stopAll();
  }

  get #sends(): boolean {
    return this.#room?.state !== 'closed' && this.#room?.self.role !== 'audience';
  }

  async #publish(type: CapturedType, running: Running): Promise<void> {
    const room = this.#room;
    if (room === undefined || !this.#sends) return;
    running.published = await room.publish(running.sent, sourceOf(type));
  }

  async #capture(type: CapturedType, wanted: DeviceWanted): Promise<MediaStreamTrack> {
    const { deviceId, width, height, frameRate, highAudio } = wanted;
    const mediaDevices = this.#mediaDevices;
    if (mediaDevices === undefined) {
      throw new NetcallError(401, 'Browsers give cameras and microphones to HTTPS pages and localhost only');
    }
    const device = deviceId === undefined ? {} : { deviceId: { exact: deviceId } };
    const video = { width: { ideal: width }, height: { ideal: height }, frameRate: { ideal: frameRate } };
    let stream: MediaStream;
    if (type === netcallConstants.DEVICE_TYPE_AUDIO_IN) {
      // HD sound is music: what makes voices clear spoils it.
      const processing = !highAudio;
      stream = await mediaDevices.getUserMedia({
        audio: {
          ...device,
          echoCancellation: processing,
          noiseSuppression: processing,
          autoGainControl: processing,
        },
      });
    } else if (type === netcallConstants.DEVICE_TYPE_VIDEO) {
      stream = await mediaDevices.getUserMedia({ video: { ...device, ...video } });
    } else {
      stream = await mediaDevices.getDisplayMedia({ video: { frameRate: { ideal: frameRate } } });
    }
    const track = stream.getTracks()[0];
    if (track === undefined) throw new NetcallError(67003, 'The device gave no track');
    return track;
  }

  #ended(type: CapturedType, running: Running): void {
    if (this.#running.get(type) !== running) return;
    this.stop(type);
    this.#listener.endedByItself(type);
  }
}

function sourceOf(type: CapturedType): TrackSource {
  if (type === netcallConstants.DEVICE_TYPE_AUDIO_IN) return 'microphone';
  return type === netcallConstants.DEVICE_TYPE_VIDEO ? 'camera' : 'screen';
}

function release({ track, sent, gain }: Running): void {
  track.stop();
  sent.stop();
  gain?.close();
}
