import { parseDescription, type SentStream } from '@aircheck/engine/receiving';
import { PayloadTypes } from './payload-types.ts';
import type { PublishedTrack } from './published-track.ts';
import { buildSubscriberOffer, type OfferedMedia, readAnsweredMedia } from './sdp/subscriber-offer.ts';
import type { SendingPeer } from './sending-peer.ts';

interface Slot {
  offered: OfferedMedia;
  track: PublishedTrack | undefined;
}

/** One m-line of an offer, for the client. */
export interface OfferedTrack {
  readonly mid: string;
  readonly userId: string;
  readonly trackId: string;
}

/** A subscribing peer connection: the server offers, the client answers the newest offer. */
export class Subscriber {
  readonly peerId: string;
  readonly peer: SendingPeer;
  readonly #sessionId: string;
  readonly #newSsrc: () => number;
  readonly #slots: Slot[] = [];
  readonly #payloadTypes = new PayloadTypes();
  #revision = 0;
  #answered = true;
  /** What the remote side's transport was last set to. */
  #remoteKey = '';

  constructor(options: {
    readonly peerId: string;
    readonly peer: SendingPeer;
    readonly sessionId: string;
    readonly newSsrc: () => number;
  }) {
    this.peerId = options.peerId;
    this.peer = options.peer;
    this.#sessionId = options.sessionId;
    this.#newSsrc = options.newSsrc;
  }

  /**
   * Changes what is sent.
   * @param restart - with new ICE credentials
   * @returns the offer; its SDP is empty when there is nothing to negotiate
   */
  offer(
    tracks: readonly PublishedTrack[],
    restart: boolean,
  ): { readonly sdp: string; readonly revision: number; readonly tracks: readonly OfferedTrack[] } {
    const changed = this.#assign(tracks);
    if (restart) this.peer.transport.restartIce();
    const nothing = this.#slots.length === 0 || (!changed && !restart && this.#answered);
    if (nothing) return { sdp: '', revision: this.#revision, tracks: this.#offeredTracks() };
    this.#revision += 1;
    this.#answered = false;
    const sdp = buildSubscriberOffer({
      origin: { sessionId: this.#sessionId, version: this.#revision },
      local: this.peer.transport.local,
      media: this.#slots.map(({ offered }) => offered),
    });
    return { sdp, revision: this.#revision, tracks: this.#offeredTracks() };
  }

  #offeredTracks(): OfferedTrack[] {
    return this.#slots.flatMap(({ offered: { mid }, track }) =>
      track === undefined ? [] : [{ mid, userId: track.userId, trackId: track.trackId }],
    );
  }

  /** Gives each track an m-line; one whose track is gone becomes inactive, and serves the next of its kind. */
  #assign(tracks: readonly PublishedTrack[]): boolean {
    let changed = false;
    for (const slot of this.#slots) {
      if (slot.track === undefined || tracks.includes(slot.track)) continue;
      if (slot.offered.stream !== undefined) this.peer.stop(slot.offered.stream.ssrc);
      slot.track = undefined;
      slot.offered = { ...slot.offered, stream: undefined };
      changed = true;
    }
    for (const track of tracks) {
      if (this.#slots.some((slot) => slot.track === track)) continue;
      const used = new Set(this.#slots.map(({ offered }) => offered.codec.payloadType));
      const codec = this.#payloadTypes.codecFor(track.format, used);
      const free = this.#slots.find((slot) => slot.track === undefined && slot.offered.kind === track.kind);
      const mid = free?.offered.mid ?? String(this.#slots.length);
      const offered: OfferedMedia = { mid, kind: track.kind, codec, stream: this.#newStream(track) };
      if (free === undefined) this.#slots.push({ offered, track });
      else Object.assign(free, { offered, track });
      changed = true;
    }
    return changed;
  }

  #newStream(track: PublishedTrack): SentStream {
    return {
      ssrc: this.#newSsrc(),
      rtxSsrc: this.#newSsrc(),
      cname: track.cname,
      streamId: encodeURIComponent(track.userId),
      trackId: track.trackId,
    };
  }

  /**
   * Takes the client's answer, and sends what it agrees to receive. An answer to an older offer is ignored.
   * @throws AircheckError `sdp-invalid`
   */
  answer(revision: number, sdp: string): void {
    if (revision !== this.#revision || this.#answered) return;
    const { transport, media } = parseDescription(sdp);
    this.#answered = true;
    const remoteKey = JSON.stringify(transport);
    if (remoteKey !== this.#remoteKey) {
      this.#remoteKey = remoteKey;
      // An answer that still says actpass is wrong, but leaves us the choice.
      const setup = transport.setup === 'passive' ? 'passive' : 'active';
      this.peer.transport.setRemote({ ...transport, setup });
    }
    for (const { offered, track } of this.#slots) {
      if (track === undefined || offered.stream === undefined) continue;
      const answered = media.find(({ mid }) => mid === offered.mid);
      const send = readAnsweredMedia(offered, answered);
      if (send === undefined) this.peer.stop(offered.stream.ssrc);
      else this.peer.send(track, offered.stream, send);
    }
  }
}
