import {
  answerSetup,
  buildReceiveAnswer,
  parseDescription,
  ReceivingPeer,
  type RemoteDescription,
} from '@aircheck/engine/receiving';
import type {
  LocalTransportParameters,
  PeerTransport,
  RemoteTransportParameters,
  TransportEngine,
  TransportHandlers,
  TransportState,
} from '@aircheck/engine/transport';
import { AircheckError } from '@aircheck/protocol';
import type { Logger } from 'pino';
import type { WorkerEventName, WorkerEvents, WorkerRequests } from '../worker/contract.ts';
import type { Identifiers } from './identifiers.ts';
import { Participant, planPublishing } from './participant.ts';
import type { PublishedTrack } from './published-track.ts';
import { buildViewAnswer } from './sdp/view-answer.ts';
import { SendingPeer } from './sending-peer.ts';
import { Subscriber } from './subscriber.ts';
import { planViewing } from './viewing.ts';

/** What the rooms of a worker share. */
export interface RoomContext {
  readonly engine: TransportEngine;
  readonly identifiers: Identifiers;
  /** `performance.now()` scale. */
  readonly now: () => number;
  readonly emit: <N extends WorkerEventName>(name: N, body: WorkerEvents[N]) => void;
  readonly logger: Logger;
}

interface PublishingPeer {
  readonly kind: 'publishing';
  readonly publisher: ReceivingPeer;
  readonly participant: Participant;
  readonly sessionId: string;
  version: number;
  remote: RemoteTransportParameters;
}

interface ViewingPeer {
  readonly kind: 'viewing';
  readonly peer: SendingPeer;
  remote: RemoteTransportParameters;
}

interface SubscribingPeer {
  readonly kind: 'subscribing';
  readonly subscriber: Subscriber;
}

type Peer = PublishingPeer | ViewingPeer | SubscribingPeer;

/** One room: who publishes, who receives. */
export class Room {
  readonly roomKey: string;
  readonly #context: RoomContext;
  readonly #participants = new Map<string, Participant>();
  readonly #peers = new Map<string, Peer>();

  constructor(roomKey: string, context: RoomContext) {
    this.roomKey = roomKey;
    this.#context = context;
  }

  get empty(): boolean {
    return this.#participants.size === 0 && this.#peers.size === 0;
  }

  get peerCount(): number {
    return this.#peers.size;
  }

  has(peerId: string): boolean {
    return this.#peers.has(peerId);
  }

  /** What a participant publishes, now or later. */
  participant(userId: string): Participant {
    const known = this.#participants.get(userId);
    if (known !== undefined) return known;
    const { identifiers, now, emit } = this.#context;
    const participant = new Participant({
      userId,
      cname: identifiers.name(),
      newTrackId: identifiers.name,
      now,
      onTrackStarted: (track) => {
        emit('track-updated', { roomKey: this.roomKey, userId, track: track.describe() });
      },
    });
    this.#participants.set(userId, participant);
    return participant;
  }

  #track(trackId: string): PublishedTrack | undefined {
    for (const participant of this.#participants.values()) {
      const track = participant.tracks().find((candidate) => candidate.trackId === trackId);
      if (track !== undefined) return track;
    }
    return undefined;
  }

  /** @throws AircheckError `sdp-invalid`, `codec-unsupported`, `request-invalid` */
  publish(request: WorkerRequests['publish']['in']): WorkerRequests['publish']['out'] {
    const { peerId, userId } = request;
    const offer = parseDescription(request.sdp);
    const plan = planPublishing(offer, request.tracks);
    const participant = this.participant(userId);
    const peer = this.#publishingPeer(peerId, participant, offer);
    const published = participant.apply(plan);
    peer.publisher.update(published);
    peer.version += 1;
    const sdp = buildReceiveAnswer({
      origin: { sessionId: peer.sessionId, version: peer.version },
      offer,
      codecs: new Map(published.map(({ media, codec }) => [media.mid, codec])),
      local: peer.publisher.transport.local,
      // The answerer's role is the other one of the offerer's.
      setup: peer.remote.setup === 'active' ? 'passive' : 'active',
    });
    return { sdp, tracks: participant.describe(published) };
  }

  /** The peer that this offer is for: the same as before, restarted if need be, or one that takes the former's place. */
  #publishingPeer(peerId: string, participant: Participant, offer: RemoteDescription): PublishingPeer {
    const known = this.#peers.get(peerId);
    if (known?.kind === 'publishing' && known.participant === participant && isSameAssociation(known, offer)) {
      if (known.remote.iceUfrag !== offer.transport.iceUfrag) {
        known.publisher.transport.restartIce();
        known.remote = { ...offer.transport, setup: known.remote.setup };
        known.publisher.transport.setRemote(known.remote);
      }
      return known;
    }
    if (known !== undefined) this.closePeer(peerId);
    const former = participant.publisher?.peerId;
    if (former !== undefined) this.closePeer(former);
    const { identifiers } = this.#context;
    const publisher = new ReceivingPeer({
      peerId,
      localSsrc: identifiers.ssrc(),
      cname: identifiers.name(),
      createTransport: (handlers) => this.#createTransport(peerId, handlers, () => {}),
    });
    const setup = answerSetup(offer.transport.setup) === 'passive' ? 'active' : 'passive';
    const remote: RemoteTransportParameters = { ...offer.transport, setup };
    const peer: PublishingPeer = {
      kind: 'publishing',
      publisher,
      participant,
      sessionId: identifiers.sessionId(),
      version: 0,
      remote,
    };
    publisher.transport.setRemote(remote);
    participant.publisher = publisher;
    this.#peers.set(peerId, peer);
    return peer;
  }

  #createTransport(
    peerId: string,
    handlers: Omit<TransportHandlers, 'onState'>,
    onState: (state: TransportState) => void,
  ): PeerTransport {
    const { engine, emit, logger } = this.#context;
    /** A packet that we fail at costs its sender the connection, and nobody else anything. */
    const guarded = (handle: () => void): void => {
      try {
        handle();
      } catch (error) {
        logger.error({ err: error, roomKey: this.roomKey, peerId }, 'a packet could not be handled');
        transport.close();
      }
    };
    const transport: PeerTransport = engine.createPeer({
      onRtp: (packet, arrivalMs, delayed) => guarded(() => handlers.onRtp(packet, arrivalMs, delayed)),
      onRtcp: (packet, arrivalMs) => guarded(() => handlers.onRtcp(packet, arrivalMs)),
      onState: (state, reason) => {
        onState(state);
        if (state === 'failed') logger.info({ roomKey: this.roomKey, peerId, reason }, 'peer connection failed');
        else logger.debug({ roomKey: this.roomKey, peerId, state }, 'peer state');
        // A peer that was closed or replaced here is nobody's concern any more.
        const peer = this.#peers.get(peerId);
        if (peer === undefined || transportOf(peer) !== transport) return;
        if (state !== 'new' && state !== 'connecting') emit('peer-state', { peerId, state });
      },
    });
    return transport;
  }

  /** @throws AircheckError `track-not-found` */
  mute({ userId, trackId, muted }: WorkerRequests['mute']['in']): void {
    const track = this.#participants
      .get(userId)
      ?.tracks()
      .find((candidate) => candidate.trackId === trackId);
    if (track === undefined) throw new AircheckError('track-not-found', `There is no track ${trackId}`);
    track.muted = muted;
  }

  /** @throws AircheckError `request-invalid` when the peer is of another kind */
  subscribe({ peerId, trackIds, restart }: WorkerRequests['subscribe']['in']): WorkerRequests['subscribe']['out'] {
    const known = this.#peers.get(peerId);
    if (known !== undefined && known.kind !== 'subscribing') {
      throw new AircheckError('request-invalid', `The peer ${peerId} does not subscribe`);
    }
    const tracks = trackIds.flatMap((trackId) => this.#track(trackId) ?? []);
    if (known === undefined && tracks.length === 0) return { sdp: '', revision: 0, tracks: [] };
    const { subscriber } = known ?? this.#subscribingPeer(peerId);
    return subscriber.offer(tracks, restart === true && known !== undefined);
  }

  #subscribingPeer(peerId: string): SubscribingPeer {
    const { identifiers } = this.#context;
    const peer = this.#createSendingPeer(peerId);
    const subscriber = new Subscriber({
      peerId,
      peer,
      sessionId: identifiers.sessionId(),
      newSsrc: identifiers.ssrc,
    });
    const subscribing: SubscribingPeer = { kind: 'subscribing', subscriber };
    this.#peers.set(peerId, subscribing);
    return subscribing;
  }

  #createSendingPeer(peerId: string): SendingPeer {
    const peer: SendingPeer = new SendingPeer({
      createTransport: (handlers) =>
        this.#createTransport(peerId, handlers, (state) => {
          peer.stateChanged(state);
        }),
      random16: this.#context.identifiers.sequenceNumber,
    });
    return peer;
  }

  /** @throws AircheckError `sdp-invalid`, `session-not-found` */
  subscribeAnswer({ peerId, revision, sdp }: WorkerRequests['subscribeAnswer']['in']): void {
    const peer = this.#peers.get(peerId);
    if (peer?.kind !== 'subscribing') throw new AircheckError('session-not-found', `There is no subscriber ${peerId}`);
    peer.subscriber.answer(revision, sdp);
  }

  /** @throws AircheckError `sdp-invalid`, `codec-unsupported`, `track-not-found` */
  view({ peerId, sdp, trackIds }: WorkerRequests['view']['in']): WorkerRequests['view']['out'] {
    const { identifiers } = this.#context;
    const offer = parseDescription(sdp);
    const tracks = trackIds.flatMap((trackId) => this.#track(trackId) ?? []);
    const plan = planViewing(offer, tracks, identifiers.ssrc);
    this.closePeer(peerId);
    const peer = this.#createSendingPeer(peerId);
    const setup = answerSetup(offer.transport.setup);
    const remote: RemoteTransportParameters = {
      ...offer.transport,
      setup: setup === 'passive' ? 'active' : 'passive',
    };
    this.#peers.set(peerId, { kind: 'viewing', peer, remote });
    peer.transport.setRemote(remote);
    for (const { track, stream, send } of plan) peer.send(track, stream, send);
    const answer = buildViewAnswer({
      origin: { sessionId: identifiers.sessionId(), version: 1 },
      offer,
      streams: new Map(plan.map((viewed) => [viewed.mid, viewed])),
      local: peer.transport.local,
      setup,
    });
    return { sdp: answer };
  }

  /** @throws AircheckError `session-not-found` for what is neither a publisher nor a viewer */
  restartIce({ peerId, iceUfrag, icePwd }: WorkerRequests['restartIce']['in']): LocalTransportParameters {
    const peer = this.#peers.get(peerId);
    if (peer === undefined || peer.kind === 'subscribing') {
      throw new AircheckError('session-not-found', `There is no session ${peerId}`);
    }
    const transport = transportOf(peer);
    const local = transport.restartIce();
    peer.remote = { ...peer.remote, iceUfrag, icePwd };
    transport.setRemote(peer.remote);
    return local;
  }

  /** Closes a peer connection; one that is not there is fine. What was published over it may go on over another. */
  closePeer(peerId: string): void {
    const peer = this.#peers.get(peerId);
    if (peer === undefined) return;
    this.#peers.delete(peerId);
    switch (peer.kind) {
      case 'publishing':
        this.#logRefused(peer.publisher);
        if (peer.participant.publisher === peer.publisher) peer.participant.publisher = undefined;
        peer.publisher.close();
        break;
      case 'subscribing':
        this.#closeSendingPeer(peerId, peer.subscriber.peer);
        break;
      case 'viewing':
        this.#closeSendingPeer(peerId, peer.peer);
        break;
    }
  }

  #closeSendingPeer(peerId: string, peer: SendingPeer): void {
    this.#context.logger.debug({ roomKey: this.roomKey, peerId, ...peer.stats, sent: peer.sent }, 'receiver is closed');
    peer.close();
  }

  #logRefused({ peerId, stats }: ReceivingPeer): void {
    const { malformed, unroutable, flooded } = stats;
    if (malformed + unroutable + flooded === 0) return;
    this.#context.logger.warn(
      { roomKey: this.roomKey, peerId, malformed, unroutable, flooded },
      'packets were refused',
    );
  }

  /** The participant is gone for good: its publishing connection and its tracks end. */
  leave(userId: string): void {
    const participant = this.#participants.get(userId);
    if (participant === undefined) return;
    this.#participants.delete(userId);
    if (participant.publisher !== undefined) this.closePeer(participant.publisher.peerId);
    participant.end();
  }

  tick(nowMs: number): void {
    for (const [userId, participant] of this.#participants) {
      try {
        participant.tick(nowMs);
      } catch (error) {
        // As for a packet that we fail at: frames are made of packets here.
        this.#context.logger.error({ err: error, roomKey: this.roomKey, userId }, 'packets could not be handled');
        participant.publisher?.transport.close();
      }
      if (participant.unused) this.#participants.delete(userId);
    }
  }

  close(): void {
    for (const userId of [...this.#participants.keys()]) this.leave(userId);
    for (const peerId of [...this.#peers.keys()]) this.closePeer(peerId);
  }
}

function transportOf(peer: Peer): PeerTransport {
  switch (peer.kind) {
    case 'publishing':
      return peer.publisher.transport;
    case 'subscribing':
      return peer.subscriber.peer.transport;
    case 'viewing':
      return peer.peer.transport;
  }
}

/** Whether an offer goes on with the DTLS association that stands, or needs a new one (RFC 8842 §4). */
function isSameAssociation({ publisher, remote }: PublishingPeer, { transport }: RemoteDescription): boolean {
  const { state } = publisher.transport;
  if (state === 'failed' || state === 'closed') return false;
  return JSON.stringify(remote.fingerprints) === JSON.stringify(transport.fingerprints);
}
