import type { RecordingSource, Track } from '@aircheck/protocol';
import type { ExternalSession } from './external-session.ts';
import type { RoomContext } from './room-context.ts';
import { Viewer } from './viewer.ts';

/** Who watches a room over WHEP. */
export class Viewers {
  readonly #context: RoomContext;
  readonly #roomKey: string;
  readonly #viewers = new Set<Viewer>();

  constructor(context: RoomContext, roomKey: string) {
    this.#context = context;
    this.#roomKey = roomKey;
  }

  get userIds(): string[] {
    return [...this.#viewers].map((viewer) => viewer.userId);
  }

  /**
   * Answers the offer of a player that is to receive these tracks.
   * @param endsWith - a participant without whom the session ends
   */
  async open(
    userId: string,
    trackIds: readonly string[],
    sdp: string,
    endsWith?: string,
  ): Promise<{ readonly session: ExternalSession; readonly sdp: string }> {
    const viewer = new Viewer({
      context: this.#context,
      roomKey: this.#roomKey,
      userId,
      trackIds,
      endsWith,
      onEnded: (ended) => this.#viewers.delete(ended),
    });
    this.#viewers.add(viewer);
    return { session: viewer, sdp: await viewer.open(sdp) };
  }

  /** WHEP cannot renegotiate: a player whose tracks went must see its connection end to ask for the new ones. */
  endUnless(published: ReadonlySet<string>): void {
    for (const viewer of [...this.#viewers]) {
      if (!viewer.trackIds.every((trackId) => published.has(trackId))) viewer.end();
    }
  }

  participantLeft(userId: string): void {
    for (const viewer of [...this.#viewers]) if (viewer.endsWith === userId) viewer.end();
  }

  end(): void {
    for (const viewer of [...this.#viewers]) viewer.end();
  }
}

/** Picture and sound of a source. A screen without sound of its own is heard through the microphone, as in recordings. */
export function viewedTrackIds(tracks: readonly Track[], source: RecordingSource): string[] {
  const of = (wanted: Track['source']) => tracks.filter((track) => track.source === wanted);
  const picture = of(source);
  if (source === 'screen' && picture.length === 0) return [];
  const screenAudio = source === 'screen' ? of('screen-audio') : [];
  const sound = screenAudio.length > 0 ? screenAudio : of('microphone');
  return [...picture, ...sound].map((track) => track.trackId);
}
