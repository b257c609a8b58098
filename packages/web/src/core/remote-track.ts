import type { Track, TrackKind, TrackSource } from '@aircheck/protocol';
import type { Speaker } from './speaker.ts';

/** A track of another participant that this client receives. */
export class RemoteTrack {
  readonly userId: string;
  readonly trackId: string;
  readonly kind: TrackKind;
  readonly source: TrackSource;
  readonly mediaStreamTrack: MediaStreamTrack;
  /** @internal */
  readonly receiver: RTCRtpReceiver;
  readonly #speaker: Speaker;

  /** @internal */
  constructor(userId: string, track: Track, receiver: RTCRtpReceiver, speaker: Speaker) {
    this.userId = userId;
    this.trackId = track.trackId;
    this.kind = track.kind;
    this.source = track.source;
    this.mediaStreamTrack = receiver.track;
    this.receiver = receiver;
    this.#speaker = speaker;
  }

  /** Plays the track in a `<video>` or `<audio>` element, over the loudspeaker of `Room.setSpeaker`. */
  attach(element: HTMLMediaElement): void {
    this.#speaker.add(element);
    element.srcObject = new MediaStream([this.mediaStreamTrack]);
  }
}
