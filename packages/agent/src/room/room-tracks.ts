import {
  chooseCodec,
  IncomingTrack,
  ParticipantTracks,
  type PlannedMedia,
  type ReceivedMedia,
  type RemoteDescription,
} from '@aircheck/engine/receiving';
import type { Participant, Track } from '@aircheck/protocol';

/** One m-line of an offer. */
interface OfferedTrack {
  readonly mid: string;
  readonly userId: string;
  readonly trackId: string;
}

/** What is received of each participant of a room. */
export class RoomTracks {
  readonly #now: () => number;
  readonly #media = new Map<string, ParticipantTracks<IncomingTrack>>();
  /** What the newest offer brings, by user. */
  #plans = new Map<string, readonly PlannedMedia[]>();
  /** Those whose tracks are expected back, since the server lost them with all else. */
  readonly #awaited = new Set<string>();

  /** @param now - `performance.now()` scale */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** What a participant publishes, as far as it is received, now or later. */
  mediaOf(userId: string): ParticipantTracks<IncomingTrack> {
    const known = this.#media.get(userId);
    if (known !== undefined) return known;
    const media = new ParticipantTracks<IncomingTrack>(
      ({ source, muted }, format) =>
        new IncomingTrack({
          trackId: `${userId}/${source}`,
          userId,
          source,
          format,
          muted,
          now: this.#now,
          onStarted: () => {},
        }),
    );
    this.#media.set(userId, media);
    return media;
  }

  /**
   * Takes an offer over.
   * @param trackOf - what is known of a published track
   * @returns the m-lines that bring something, with their tracks
   * @throws AircheckError `codec-unsupported`
   */
  apply(
    offer: RemoteDescription,
    offered: readonly OfferedTrack[],
    trackOf: (userId: string, trackId: string) => Track | undefined,
  ): ReceivedMedia[] {
    const plans = new Map<string, PlannedMedia[]>();
    for (const { mid, userId, trackId } of offered) {
      const media = offer.media.find((line) => line.mid === mid);
      const track = trackOf(userId, trackId);
      if (media === undefined || !media.sends || track === undefined) continue;
      const plan = plans.get(userId) ?? [];
      plans.set(userId, plan);
      const { source, muted } = track;
      plan.push({ media, codec: chooseCodec(media), source, muted });
    }
    this.#plans = plans;
    return [...new Set([...plans.keys(), ...this.#media.keys()])].flatMap((userId) => this.#applyTo(userId));
  }

  #applyTo(userId: string): ReceivedMedia[] {
    const plan = this.#plans.get(userId) ?? [];
    const media = this.mediaOf(userId);
    const back = media.tracks().every(({ source }) => plan.some((planned) => planned.source === source));
    if (back) this.#awaited.delete(userId);
    return media.apply(plan, { keep: this.#awaited.has(userId) });
  }

  /** The server has begun anew: what was received until now is expected back. */
  awaitAll(): void {
    this.#plans.clear();
    for (const [userId, media] of this.#media) if (media.tracks().length > 0) this.#awaited.add(userId);
  }

  /** What has not come back until now does not. @returns those who were waited for */
  awaitNoMore(): readonly string[] {
    const late = [...this.#awaited];
    this.#awaited.clear();
    for (const userId of late) this.#applyTo(userId);
    return late;
  }

  /** Takes over what a participant says of its tracks. */
  describe({ userId, tracks }: Participant): void {
    for (const track of this.#media.get(userId)?.tracks() ?? []) {
      const described = tracks.find(({ source }) => source === track.source);
      if (described !== undefined) track.muted = described.muted;
    }
  }

  /** A participant is gone for good. */
  end(userId: string): void {
    this.#awaited.delete(userId);
    this.#plans.delete(userId);
    this.#media.get(userId)?.end();
    this.#media.delete(userId);
  }

  endAll(): void {
    for (const userId of [...this.#media.keys()]) this.end(userId);
  }

  /** To be called every few ten milliseconds. */
  tick(nowMs: number): void {
    for (const media of this.#media.values()) media.tick(nowMs);
  }
}
