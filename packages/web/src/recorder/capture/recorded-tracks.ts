import type { RecordingSource, TrackSource } from '@aircheck/protocol';
import type { Room } from '../../core/index.ts';
import type { EndReason } from '../facts.ts';
import type { RecordedSource } from '../start-options.ts';
import type { Receivers } from './lip-sync.ts';

/** After a reconnect that found the server without its state, others get so long to come back as well. */
const COME_BACK_MS = 15_000;

/** The tracks that are recorded now. */
export interface RecordedTracks {
  readonly video: MediaStreamTrack | undefined;
  readonly audio: readonly MediaStreamTrack[];
  /** Of picture and sound that belong together and come over WebRTC. */
  readonly receivers?: Receivers;
}

export interface RecordedTracksListener {
  /** Tracks came, went or were replaced. */
  changed(): void;
  /** Nothing will come any more. */
  ended(reason: EndReason): void;
}

/** Follows the tracks of a recorded source through the room's changes. */
export interface TrackFollower {
  readonly tracks: RecordedTracks;
  /** Looks whether anything may still come: of some ends nobody is told. */
  check(): void;
  /** Ends the following. */
  close(): void;
}

export function followTracks(
  room: Room,
  source: RecordedSource,
  recordingSource: RecordingSource,
  listener: RecordedTracksListener,
): TrackFollower {
  if ('userId' in source) return followParticipant(room, source.userId, recordingSource, listener);
  if ('mix' in source) return followRoom(room, () => mixOf(room), listener);
  return followGivenTracks(source, listener);
}

/** The sound that belongs to a picture is the microphone, and where a shared screen has none, what the screen plays. */
function followParticipant(
  room: Room,
  userId: string,
  recordingSource: RecordingSource,
  listener: RecordedTracksListener,
): TrackFollower {
  const own = userId === room.self.userId;
  const local = (source: TrackSource) => room.localTrack(source);
  const remote = (source: TrackSource) =>
    room.remoteTracks.find((track) => track.userId === userId && track.source === source);
  const soundOf = <Track>(track: (source: TrackSource) => Track | undefined): Track | undefined =>
    track('microphone') ?? (recordingSource === 'screen' ? track('screen-audio') : undefined);
  const tracks = (): RecordedTracks => {
    if (own) return tracksOf(local(recordingSource), soundOf(local));
    const [video, audio] = [remote(recordingSource), soundOf(remote)];
    const receivers = audio && video && { audio: audio.receiver, video: video.receiver };
    return { ...tracksOf(video, audio), ...(receivers !== undefined && { receivers }) };
  };
  let rejoining = false;
  let comingBack: ReturnType<typeof setTimeout> | undefined;
  const left = () => listener.ended('left');
  const cameBack = () => {
    clearTimeout(comingBack);
    comingBack = undefined;
  };
  const ends = [
    room.on('state', (state) => {
      // The room tells at once who is not there any more.
      rejoining = state === 'connected';
      queueMicrotask(() => {
        rejoining = false;
      });
    }),
    room.on('participant-left', (participant) => {
      if (participant.userId !== userId) return;
      cameBack();
      if (rejoining) comingBack = setTimeout(left, COME_BACK_MS);
      else left();
    }),
    room.on('participant-joined', (participant) => {
      if (participant.userId === userId) cameBack();
    }),
  ];
  const follower = followRoom(room, tracks, listener);
  return {
    get tracks() {
      return tracks();
    },
    check: () => {
      follower.check();
      const there = own || comingBack !== undefined || room.participants.some((one) => one.userId === userId);
      if (!there) left();
    },
    close: () => {
      follower.close();
      cameBack();
      for (const end of ends) end();
    },
  };
}

function tracksOf(
  video: { readonly mediaStreamTrack: MediaStreamTrack } | undefined,
  audio: { readonly mediaStreamTrack: MediaStreamTrack } | undefined,
): RecordedTracks {
  return { video: video?.mediaStreamTrack, audio: audio === undefined ? [] : [audio.mediaStreamTrack] };
}

function followRoom(room: Room, tracks: () => RecordedTracks, listener: RecordedTracksListener): TrackFollower {
  const changed = () => listener.changed();
  const ends = [
    room.on('track-added', changed),
    room.on('track-removed', changed),
    room.on('local-track-added', changed),
    room.on('local-track-updated', changed),
    room.on('local-track-removed', changed),
    room.on('closed', () => listener.ended('left')),
  ];
  return {
    get tracks() {
      return tracks();
    },
    check: () => {
      if (room.state === 'closed') listener.ended('left');
    },
    close: () => {
      for (const end of ends) end();
    },
  };
}

function mixOf(room: Room): RecordedTracks {
  const all = [...room.localTracks, ...room.remoteTracks].filter(({ kind }) => kind === 'audio');
  return { video: undefined, audio: all.map(({ mediaStreamTrack }) => mediaStreamTrack) };
}

function followGivenTracks(
  { video, audio }: { readonly video?: MediaStreamTrack; readonly audio?: MediaStreamTrack },
  listener: RecordedTracksListener,
): TrackFollower {
  const given = [video, audio].filter((track) => track !== undefined);
  // `stop()` of the page itself is told by no event.
  const check = () => {
    if (given.every(({ readyState }) => readyState === 'ended')) listener.ended('tracks-ended');
  };
  for (const track of given) track.addEventListener('ended', check);
  return {
    tracks: { video, audio: audio === undefined ? [] : [audio] },
    check,
    close: () => {
      for (const track of given) track.removeEventListener('ended', check);
    },
  };
}
