import type { TrackSource } from '@aircheck/protocol';
import { AircheckError } from '@aircheck/protocol/errors';
import { preferredCodecs } from './codec-preferences.ts';
import { IceSupervisor, isConnected } from './ice-supervisor.ts';
import { kindOf, LocalTrack } from './local-track.ts';
import type { Platform } from './platform.ts';
import { RetryTimer } from './retry-timer.ts';
import type { SignalingConnection } from './signaling.ts';
import { TypedEmitter } from './typed-emitter.ts';

export interface PublisherEvents {
  /** The track's id or codec is known, or it is muted or not any more. */
  changed: [track: LocalTrack];
  /** The server does not take the track; it is not published any more. */
  refused: [track: LocalTrack, error: AircheckError];
}

export interface PublisherOptions {
  readonly signaling: Pick<SignalingConnection, 'request' | 'joined'>;
  readonly platform: Platform;
}

/** Upper bounds of what is sent, by source; 720p cameras and 1080p screens look good at these. */
const maxBitrateBps: Record<TrackSource, number> = {
  camera: 1_500_000,
  screen: 2_500_000,
  microphone: 48_000,
  'screen-audio': 128_000,
};

const contentHints: Record<TrackSource, string> = {
  camera: 'motion',
  screen: 'detail',
  microphone: 'speech',
  'screen-audio': 'music',
};

interface Publication {
  readonly track: LocalTrack;
  transceiver: RTCRtpTransceiver;
  resolve(): void;
  reject(error: AircheckError): void;
}

/** The publishing peer connection: this client offers, the server answers. */
export class Publisher extends TypedEmitter<PublisherEvents> {
  readonly #signaling: PublisherOptions['signaling'];
  readonly #platform: Platform;
  readonly #supervisor: IceSupervisor;
  readonly #publications = new Map<LocalTrack, Publication>();
  #iceServers: readonly RTCIceServer[] = [];
  #connection: RTCPeerConnection | undefined;
  #tail: Promise<void> = Promise.resolve();
  /** After a refusal that may pass (a worker that is just being restarted). */
  readonly #retry: RetryTimer;
  #closed = false;

  constructor({ signaling, platform }: PublisherOptions) {
    super();
    this.#signaling = signaling;
    this.#platform = platform;
    this.#retry = new RetryTimer(platform, () => this.#negotiate(false));
    this.#supervisor = new IceSupervisor({
      restart: () => this.#negotiate(true),
      rebuild: () => this.rebuild(),
      reachable: () => signaling.joined,
    });
  }

  get connection(): RTCPeerConnection | undefined {
    return this.#connection;
  }

  get tracks(): readonly LocalTrack[] {
    return [...this.#publications.keys()];
  }

  /** The sender of a published track. */
  senderOf(track: LocalTrack): RTCRtpSender | undefined {
    return this.#publications.get(track)?.transceiver.sender;
  }

  setIceServers(iceServers: readonly RTCIceServer[]): void {
    this.#iceServers = iceServers;
  }

  /**
   * Publishes a track and waits until the server takes it, over a reconnect if need be.
   * @throws AircheckError what the server refuses it with; `session-not-found` when the room is left
   */
  async publish(mediaStreamTrack: MediaStreamTrack, source: TrackSource): Promise<LocalTrack> {
    if (this.#closed) throw roomLeft();
    if (mediaStreamTrack.contentHint === '') mediaStreamTrack.contentHint = contentHints[source];
    const track = new LocalTrack(mediaStreamTrack, source, maxBitrateBps[source]);
    return new Promise((resolve, reject) => {
      this.#publications.set(track, {
        track,
        transceiver: this.#addTransceiver(track),
        resolve: () => resolve(track),
        reject,
      });
      this.#negotiate(false);
    });
  }

  /** Stops sending a track; its device is not stopped. */
  unpublish(track: LocalTrack): void {
    const publication = this.#publications.get(track);
    if (publication === undefined) return;
    this.#publications.delete(track);
    track.published(undefined, undefined);
    this.#retire(publication.transceiver);
    publication.reject(unpublishedBefore());
    this.#negotiate(false);
  }

  /** Gives all tracks and the connection up: the server takes none any more. Devices are not stopped. */
  unpublishAll(): void {
    this.#retry.reset();
    this.#dropConnection();
    for (const { track, reject } of this.#publications.values()) {
      track.published(undefined, undefined);
      reject(unpublishedBefore());
    }
    this.#publications.clear();
  }

  /** Sends another device's picture or sound as the same track: recordings and watchers go on without a gap. */
  async replaceTrack(track: LocalTrack, mediaStreamTrack: MediaStreamTrack): Promise<void> {
    if (mediaStreamTrack.contentHint === '') mediaStreamTrack.contentHint = contentHints[track.source];
    const former = track.mediaStreamTrack;
    const sender = this.senderOf(track);
    track.replace(mediaStreamTrack);
    try {
      await sender?.replaceTrack(mediaStreamTrack);
    } catch (error) {
      // On a connection that was made anew meanwhile the track is the new one already.
      if (sender === this.senderOf(track)) {
        track.replace(former);
        throw error;
      }
    }
    this.emit('changed', track);
  }

  async setMuted(track: LocalTrack, muted: boolean): Promise<void> {
    track.setMuted(muted);
    this.emit('changed', track);
    const { trackId } = track;
    // While there is no connection nothing is lost: every offer carries the state too.
    if (trackId === undefined || !this.#signaling.joined) return;
    try {
      await this.#signaling.request('mute', { trackId, muted });
    } catch (error) {
      if (this.#signaling.joined) throw error;
    }
  }

  networkChanged(): void {
    this.#supervisor.networkChanged();
  }

  /** The signaling connection is there again. @param resumed - the server kept the session and its peer connections */
  resynchronize(resumed: boolean): void {
    if (this.#connection === undefined) return;
    if (!resumed) this.rebuild();
    else if (isConnected(this.#connection)) this.#negotiate(false);
    else this.#supervisor.resume();
  }

  /** Gives the peer connection up, makes a new one and publishes all tracks on it. */
  rebuild(): void {
    this.#dropConnection();
    if (this.#publications.size === 0) return;
    for (const publication of this.#publications.values()) {
      publication.transceiver = this.#addTransceiver(publication.track);
    }
    this.#negotiate(false);
  }

  /** Ends the connection; the tracks' devices are not stopped. May be called twice. */
  close(): void {
    this.#closed = true;
    this.#retry.reset();
    this.#dropConnection();
    for (const publication of this.#publications.values()) publication.reject(roomLeft());
    this.#publications.clear();
    this.removeAllListeners();
  }

  #dropConnection(): void {
    this.#supervisor.close();
    this.#connection?.close();
    this.#connection = undefined;
  }

  #ensureConnection(): RTCPeerConnection {
    if (this.#connection !== undefined) return this.#connection;
    const connection = new this.#platform.RTCPeerConnection({
      iceServers: [...this.#iceServers],
      bundlePolicy: 'max-bundle',
    });
    this.#connection = connection;
    this.#supervisor.watch(connection);
    return connection;
  }

  #addTransceiver(track: LocalTrack): RTCRtpTransceiver {
    const connection = this.#ensureConnection();
    const used = new Set([...this.#publications.values()].map((publication) => publication.transceiver));
    // A retired m-line is taken again, or every screen share would make the description longer.
    const retired = connection
      .getTransceivers()
      .find(
        (transceiver) =>
          !used.has(transceiver) &&
          transceiver.direction === 'inactive' &&
          transceiver.currentDirection === 'inactive' &&
          transceiver.receiver.track.kind === kindOf(track.source),
      );
    const transceiver =
      retired ??
      connection.addTransceiver(track.mediaStreamTrack, {
        direction: 'sendonly',
        sendEncodings: [{ maxBitrate: track.maxBitrateBps }],
      });
    if (retired !== undefined) {
      retired.direction = 'sendonly';
      void retired.sender.replaceTrack(track.mediaStreamTrack);
    }
    if (track.kind === 'video') this.#steerToH264(transceiver);
    return transceiver;
  }

  #steerToH264(transceiver: RTCRtpTransceiver): void {
    const codecs = preferredCodecs(this.#platform.videoCapabilities()?.codecs ?? []);
    if (codecs.length === 0) return;
    try {
      transceiver.setCodecPreferences(codecs);
    } catch {
      // Firefox before 128 has no such call (https://bugzil.la/1396922), and browsers refuse codecs that they do not receive
      // as well (https://github.com/w3c/webrtc-pc/pull/2926): their own order has to do then.
    }
  }

  #retire(transceiver: RTCRtpTransceiver): void {
    if (this.#connection === undefined || transceiver.direction === 'stopped') return;
    transceiver.direction = 'inactive';
    void transceiver.sender.replaceTrack(null);
  }

  #negotiate(iceRestart: boolean): void {
    this.#tail = this.#tail.then(() => this.#negotiateNow(iceRestart));
  }

  /** One round of offer and answer. Never rejects: publishers of tracks learn of a refusal by their own promise. */
  async #negotiateNow(iceRestart: boolean): Promise<void> {
    const connection = this.#connection;
    // When the signaling connection is back, everything is negotiated anyway.
    if (connection === undefined || this.#closed || !this.#signaling.joined) return;
    try {
      if (iceRestart) connection.restartIce();
      await connection.setLocalDescription(await connection.createOffer());
      const publications = [...this.#publications.values()];
      const answer = await this.#signaling.request('publish', {
        sdp: connection.localDescription?.sdp ?? '',
        tracks: publications.flatMap(({ track, transceiver: { mid } }) =>
          mid === null ? [] : [{ mid, source: track.source, muted: track.muted }],
        ),
      });
      if (connection !== this.#connection) return;
      await connection.setRemoteDescription({ type: 'answer', sdp: answer.sdp });
      this.#retry.reset();
      for (const publication of publications) {
        const taken = answer.tracks.find(({ mid }) => mid === publication.transceiver.mid);
        if (taken !== undefined) await this.#taken(publication, taken);
      }
    } catch (cause) {
      if (connection === this.#connection) await this.#refused(connection, cause);
    }
  }

  async #taken(publication: Publication, { trackId, codec }: { trackId: string; codec: LocalTrack['codec'] }) {
    const { track, transceiver } = publication;
    // Unpublished meanwhile; the next round tells the server.
    if (!this.#publications.has(track)) return;
    await applySendParameters(transceiver.sender, track);
    track.published(trackId, codec);
    publication.resolve();
    this.emit('changed', track);
  }

  async #refused(connection: RTCPeerConnection, cause: unknown): Promise<void> {
    const error =
      cause instanceof AircheckError
        ? cause
        : new AircheckError('sdp-invalid', 'The browser and the server do not agree on the media', { cause });
    if (connection.signalingState === 'have-local-offer') await connection.setLocalDescription({ type: 'rollback' });
    if (!this.#signaling.joined) return;
    if (error.retryable) {
      this.#retry.start();
      return;
    }
    for (const publication of [...this.#publications.values()]) {
      if (publication.track.trackId !== undefined) continue;
      this.#publications.delete(publication.track);
      this.#retire(publication.transceiver);
      publication.reject(error);
      this.emit('refused', publication.track, error);
    }
  }
}

function roomLeft(): AircheckError {
  return new AircheckError('session-not-found', 'The room was left');
}

/** For who still waits for its publication. */
function unpublishedBefore(): AircheckError {
  return new AircheckError('track-not-found', 'The track was unpublished before it was published');
}

/** Chromium makes pictures smaller under load unless told otherwise, and every change of size shows in the recording. */
async function applySendParameters(sender: RTCRtpSender, track: LocalTrack): Promise<void> {
  const parameters = sender.getParameters();
  if (track.kind === 'video') parameters.degradationPreference = 'maintain-resolution';
  for (const encoding of parameters.encodings) encoding.maxBitrate = track.maxBitrateBps;
  try {
    await sender.setParameters(parameters);
  } catch {
    // The sender was given back or its browser does not know a parameter: media flows all the same.
  }
}
