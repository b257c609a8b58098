import type { Track, TrackKind, TrackSource } from '@aircheck/protocol';

/** A track of another participant that this client receives. */
export class RemoteTrack {
  readonly userId: string;
  readonly trackId: string;
  readonly kind: TrackKind;
  readonly source: TrackSource;
  readonly mediaStreamTrack: MediaStreamTrack;
  /** @internal */
  readonly receiver: RTCRtpReceiver;

  /** @internal */
  constructor(userId: string, track: Track, receiver: RTCRtpReceiver) {
    this.userId = userId;
    this.trackId = track.trackId;
    this.kind = track.kind;
    this.source = track.source;
    this.mediaStreamTrack = receiver.track;
    this.receiver = receiver;
  }

  /** Plays the track in a `<video>` or `<audio>` element. */
  attach(element: HTMLMediaElement): void {
    element.srcObject = new MediaStream([this.mediaStreamTrack]);
  }
}
