import type { RecordingSource, TrackSource } from '@aircheck/protocol';
import type { Room } from '../../core/index.ts';
import type { EndReason } from '../facts.ts';
import type { RecordedSource } from '../start-options.ts';
import type { Receivers } from './lip-sync.ts';

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
  return followRoom(room, tracks, listener, () =>
    room.on('participant-left', (participant) => {
      if (participant.userId === userId) listener.ended('left');
    }),
  );
}

function tracksOf(
  video: { readonly mediaStreamTrack: MediaStreamTrack } | undefined,
  audio: { readonly mediaStreamTrack: MediaStreamTrack } | undefined,
): RecordedTracks {
  return { video: video?.mediaStreamTrack, audio: audio === undefined ? [] : [audio.mediaStreamTrack] };
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
