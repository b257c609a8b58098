import { z } from 'zod';

/** Letters that ids may hold: they go into URLs as they are (where `.` and `..` would be steps), never into file paths. */
const idPattern = /^(?!\.{1,2}$)[\p{L}\p{N}_.@:-]+$/u;

/** Text that every database keeps as it is: PostgreSQL has no NUL, and half of a surrogate pair is no character. */
export const StorableText = z
  .string()
  .refine((text) => !text.includes('\0') && text.isWellFormed(), 'must not hold NUL or half a character');

export const RoomId = z.string().min(1).max(128).regex(idPattern, 'letters, digits and _ . @ : - only');
export const UserId = z.string().min(1).max(128).regex(idPattern, 'letters, digits and _ . @ : - only');

/** `multi`: any number of participants. `pair`: two persons; never recorded. */
export const RoomType = z.enum(['multi', 'pair']);
export type RoomType = z.infer<typeof RoomType>;

/** `host` may publish and record anyone; `guest` may publish and record itself; `audience` watches. */
export const Role = z.enum(['host', 'guest', 'audience']);
export type Role = z.infer<typeof Role>;

/** Where a track comes from. */
export const TrackSource = z.enum(['microphone', 'camera', 'screen', 'screen-audio']);
export type TrackSource = z.infer<typeof TrackSource>;

export const TrackKind = z.enum(['audio', 'video']);
export type TrackKind = z.infer<typeof TrackKind>;

/** Codecs as they go over RTP and into files. */
export const Codec = z.enum(['h264', 'vp8', 'vp9', 'av1', 'opus', 'aac']);
export type Codec = z.infer<typeof Codec>;

export const Track = z.object({
  trackId: z.string(),
  kind: TrackKind,
  source: TrackSource,
  codec: Codec,
  /** The publisher says that it sends nothing (or silence) on purpose. */
  muted: z.boolean(),
});
export type Track = z.infer<typeof Track>;

/**
 * What Yunxin calls live interaction: where the mixed picture of a room is pushed to, and how it is laid out. Whoever gives
 * an `rtmpUrl` is the live host. The values are the vendor's own (`sessionConfig` of its Web SDK).
 */
export const LiveOptions = z.object({
  /** `rtmp://` address of the push; empty for everybody but the host. */
  rtmpUrl: z.string().max(2000).default(''),
  /** Record what is pushed. */
  rtmpRecord: z.boolean().default(false),
  splitMode: z.int().min(0).max(5).default(0),
  /** Custom layout as JSON text, for `splitMode` 4. */
  layout: z.string().max(16_000).default(''),
});
export type LiveOptions = z.infer<typeof LiveOptions>;

/** How a participant is connected. */
export const ParticipantVia = z.enum(['sdk', 'whip']);

export const Participant = z.object({
  userId: UserId,
  role: Role,
  via: ParticipantVia,
  /** False while the participant has lost its connection and may still come back. */
  connected: z.boolean(),
  joinedAt: z.iso.datetime(),
  tracks: z.array(Track),
  /** Takes part in live interaction, as its host or not; see {@link LiveOptions}. */
  live: z.object({ host: z.boolean() }).optional(),
});
export type Participant = z.infer<typeof Participant>;

/** What a recording follows: the camera or the screen of a participant, with its sound. */
export const RecordingSource = z.enum(['camera', 'screen']);
export type RecordingSource = z.infer<typeof RecordingSource>;

/** `av`: picture and sound. `audio`: sound alone. */
export const RecordingMedia = z.enum(['av', 'audio']);
export type RecordingMedia = z.infer<typeof RecordingMedia>;

/** The life of a recording; see docs/guides/recording.md. */
export const RecordingState = z.enum([
  'starting',
  'recording',
  'paused',
  'finalizing',
  'interrupted',
  'ready',
  'failed',
]);
export type RecordingState = z.infer<typeof RecordingState>;

/** Why a recording ended. */
export const EndReason = z.enum([
  'stopped', // somebody asked for it
  'left', // the participant left the room
  'idle', // no media for idleSeconds
  'room-closed',
  'drained', // the server was shut down
  'interrupted', // a process was killed; recovery finished the files
  'storage-full',
  'storage-failed',
  'no-media', // it ended before a single frame came
]);
export type EndReason = z.infer<typeof EndReason>;

/** A hole in a track. */
export const Gap = z.object({
  kind: TrackKind,
  /** Offset from the start of the segment. */
  atMs: z.number(),
  durationMs: z.number(),
  /** `loss`: packets that never came. `absent`: the sender sent nothing (muted, disconnected). */
  reason: z.enum(['loss', 'absent']),
});
export type Gap = z.infer<typeof Gap>;

export const ResolutionChange = z.object({ atMs: z.number(), width: z.int(), height: z.int() });

/** What is not perfect in a segment or recording, measured while it was written. */
export const Health = z.object({
  /** The first 1000 gaps; `gapCount` counts all. */
  gaps: z.array(Gap),
  gapCount: z.int(),
  /** RTP packets that never came, even after they were asked for again. */
  lostPackets: z.int(),
  /** RTP packets that came after they had been asked for again. */
  recoveredPackets: z.int(),
  /** Frames left out of the file because they, or what they refer to, were damaged. */
  lostFrames: z.int(),
  /** Milliseconds in which the picture stands still because frames were left out. */
  frozenMs: z.number(),
  /** Milliseconds of silence written where sound was missing. */
  silenceMs: z.number(),
  /** The sender's media clock against the room's clock, parts per million, per kind; positive runs fast. */
  clockDriftPpm: z.object({ audio: z.number().optional(), video: z.number().optional() }),
  resolutionChanges: z.array(ResolutionChange),
});
export type Health = z.infer<typeof Health>;

/**
 * Codec of a file: one of {@link Codec}, or what else an upload holds, by FFmpeg's name (`hevc`, `mpeg4`, `vorbis`, `mp3` …).
 * Such files are kept and transcoded; whether a browser plays the original is another question.
 */
export const FileCodec = z.string().regex(/^[a-z0-9_]{1,32}$/);

export const VideoInfo = z.object({
  codec: FileCodec,
  width: z.int(),
  height: z.int(),
  frames: z.int(),
  /** Frames per second, averaged over the file. */
  fps: z.number(),
  bitrateBps: z.int(),
  /**
   * Degrees, clockwise, by which the file has its pictures turned for display, as phones write it; width and height are
   * those of the turned picture. Absent: not at all.
   */
  rotation: z.int().optional(),
});
export type VideoInfo = z.infer<typeof VideoInfo>;

export const AudioInfo = z.object({
  codec: FileCodec,
  sampleRate: z.int(),
  channels: z.int(),
  /** Encoded packets, written silence among them. */
  packets: z.int(),
  bitrateBps: z.int(),
});
export type AudioInfo = z.infer<typeof AudioInfo>;

/**
 * What is made of each file of a recording when it is whole, as jobs. What an app lacks for it fails the job (event
 * `job.failed`) and never the recording.
 */
export const RecordingProcess = z.object({
  /** By the app's procedure `ConvertVodFile`, or into SD and HD. */
  transcode: z.boolean().default(false),
  /** Ten pictures spread over the file, the best of which becomes its cover. */
  screenshot: z.boolean().default(false),
  /** The app's first watermark template in what is transcoded; without `transcode` in a rendition of the picture's size. */
  watermark: z.boolean().default(false),
});
export type RecordingProcess = z.infer<typeof RecordingProcess>;

/** Any text. It is a name: it is shown, searched and offered to those who save the file, never used as a path. */
export const FileName = StorableText.min(1).max(1000);

export const Recording = z.object({
  recordingId: z.string(),
  roomId: RoomId,
  userId: UserId,
  source: RecordingSource,
  media: RecordingMedia,
  fileName: FileName,
  tags: z.array(z.string()),
  classId: z.int(),
  segmentSeconds: z.int(),
  idleSeconds: z.int(),
  state: RecordingState,
  endReason: EndReason.nullable(),
  /** One sentence for people, where the reason alone does not say it. */
  detail: z.string().nullable(),
  createdAt: z.iso.datetime(),
  /** When the first frame was written. */
  startedAt: z.iso.datetime().nullable(),
  endedAt: z.iso.datetime().nullable(),
  /** Sum over its segments. */
  durationMs: z.number(),
  sizeBytes: z.number(),
  /** Files of this recording, oldest first. */
  fileIds: z.array(z.string()),
  health: Health,
  /** Present where something is made of its files. */
  process: RecordingProcess.optional(),
});
export type Recording = z.infer<typeof Recording>;
