import type { EncodedFrame } from '@aircheck/media';
import type { Codec, TrackKind, TrackSource } from '@aircheck/protocol';
import type { ParticipantMedia, ReceivedTrack, TrackListener } from '../../src/receiving/index.ts';

/** A track whose frames a test sends by hand. */
export class ScriptedTrack implements ReceivedTrack {
  readonly trackId: string;
  readonly source: TrackSource;
  readonly kind: TrackKind;
  readonly codec: Codec;
  readonly clockRate: number;
  readonly channels?: number;
  readonly muted = false;
  readonly stats = { lostPackets: 0, recoveredPackets: 0 };
  keyFrameRequests = 0;
  readonly #listeners = new Set<TrackListener>();

  constructor(source: TrackSource, codec: Codec) {
    this.source = source;
    this.trackId = `track-${source}`;
    this.codec = codec;
    this.kind = source === 'camera' || source === 'screen' ? 'video' : 'audio';
    this.clockRate = this.kind === 'video' ? 90_000 : 48_000;
    if (this.kind === 'audio') this.channels = 2;
  }

  requestKeyFrame(): void {
    this.keyFrameRequests += 1;
  }

  listen(listener: TrackListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  send(frame: EncodedFrame): void {
    for (const listener of this.#listeners) listener.onFrame(frame);
  }

  sendReport(ntpMs: number, rtpTimestamp: number, arrivalMs: number): void {
    for (const listener of this.#listeners) listener.onSenderReport(ntpMs, rtpTimestamp, arrivalMs);
  }
}

/** A participant whose tracks a test adds and takes away. */
export class ScriptedParticipant implements ParticipantMedia {
  #tracks: ReceivedTrack[] = [];
  readonly #listeners = new Set<() => void>();

  setTracks(...tracks: ReceivedTrack[]): void {
    this.#tracks = tracks;
    for (const listener of this.#listeners) listener();
  }

  tracks(): readonly ReceivedTrack[] {
    return this.#tracks;
  }

  onTracksChanged(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** A picture of H.264 as a container keeps it. */
export function lengthPrefixed(nalUnits: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(
    nalUnits.flatMap((nal) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(nal.byteLength);
      return [length, nal];
    }),
  );
}
