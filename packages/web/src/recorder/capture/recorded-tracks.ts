import type { RecordingSource, TrackSource } from '@aircheck/protocol';
import type { Room } from '../../core/index.ts';
import type { EndReason } from '../facts.ts';
import type { RecordedSource } from '../start-options.ts';

/** The tracks that are recorded now. */
export interface RecordedTracks {
  readonly video: MediaStreamTrack | undefined;
  readonly audio: readonly MediaStreamTrack[];
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
  if ('mix' in source)
    return followRoom(
      room,
      () => mixOf(room),
      listener,
      () => undefined,
    );
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
  const track = (wanted: TrackSource): MediaStreamTrack | undefined =>
    own
      ? room.localTrack(wanted)?.mediaStreamTrack
      : room.remoteTracks.find((one) => one.userId === userId && one.source === wanted)?.mediaStreamTrack;
  const tracks = (): RecordedTracks => {
    const audio = track('microphone') ?? (recordingSource === 'screen' ? track('screen-audio') : undefined);
    return { video: track(recordingSource), audio: audio === undefined ? [] : [audio] };
  };
  return followRoom(room, tracks, listener, () =>
    room.on('participant-left', (participant) => {
      if (participant.userId === userId) listener.ended('left');
    }),
  );
}

function followRoom(
  room: Room,
  tracks: () => RecordedTracks,
  listener: RecordedTracksListener,
  more: () => (() => void) | undefined,
): TrackFollower {
  const changed = () => listener.changed();
  const ends = [
    room.on('track-added', changed),
    room.on('track-removed', changed),
    room.on('local-track-added', changed),
    room.on('local-track-updated', changed),
    room.on('local-track-removed', changed),
    room.on('closed', () => listener.ended('left')),
    more(),
  ];
  return {
    get tracks() {
      return tracks();
    },
    close: () => {
      for (const end of ends) end?.();
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
  const ended = () => {
    if (given.every(({ readyState }) => readyState === 'ended')) listener.ended('tracks-ended');
  };
  for (const track of given) track.addEventListener('ended', ended);
  return {
    tracks: { video, audio: audio === undefined ? [] : [audio] },
    close: () => {
      for (const track of given) track.removeEventListener('ended', ended);
    },
  };
}
