import {
  type EncodedFrame,
  opusPacketDuration,
  RecordingTimeline,
  type VideoFormat,
  videoFormat,
} from '@aircheck/media';
import type { EndReason } from '@aircheck/protocol';
import type { Logger } from 'pino';
import type { ParticipantMedia, ReceivedTrack } from '../receiving/index.ts';
import type { SegmentSnapshot, StartRecordingOptions } from './contract.ts';
import type { Segment, SegmentLayout } from './segment.ts';
import { type RecorderContext, SegmentFiles } from './segment-files.ts';
import { TrackFeed } from './track-feed.ts';

/** Viewers seek to key frames, so there is one at least this often. */
const KEY_FRAME_INTERVAL_MS = 4000;
/** A segment ends at the first key frame in the last seconds before its limit. */
const CUT_LEAD_MS = 3000;
/** A key frame that was asked for and did not come is asked for again after that long. */
const KEY_FRAME_PATIENCE_MS = 2000;
/** Sound before the first picture is left out up to this length, so that a file begins with a picture. */
const LEAD_TRIM_MS = 1000;
/** How long a picture is waited for, from the first sound on, before the recording begins with sound alone. */
const NO_PICTURE_MS = 3000;
const NO_KEY_FRAME_MS = 10_000;
/**
 * Sound that is missing for so long is not waited for any more. A sender or a network that stalls sends it late, all at
 * once, and what silence has been written for by then is lost; a hole is filled anyway when the sound goes on.
 */
const SILENCE_AFTER_MS = 5000;
const SILENCE_BEHIND_MS = 4000;
/** A segment that was cut waits that long for the sound that still belongs to it. */
const CLOSING_MS = 5000;
/** A picture that stands still for longer, without anything lost, is told as a gap. */
const ABSENT_PICTURE_MS = 1000;
/** How often a growing segment is told of, and noted in its journal. */
const PROGRESS_MS = 5000;
/** Opus as WebRTC sends it is decoded to 48 kHz (RFC 7587 §4.1). */
const OPUS_RATE = 48_000;

/** Life of a session; moved in {@link RecordingSession} alone. */
type Phase = 'waiting' | 'running' | 'paused' | 'ended';

interface HeldSound {
  readonly frame: EncodedFrame;
  readonly samples: number;
}

/** One recording while it runs: listens to a participant's tracks and writes segments, from its start to its end. */
export class RecordingSession {
  readonly options: StartRecordingOptions;
  readonly #context: RecorderContext;
  readonly #media: ParticipantMedia;
  readonly #logger: Logger;
  readonly #files: SegmentFiles;
  readonly #stopWatching: () => void;
  #phase: Phase = 'waiting';
  #everRan = false;
  /** The wall clock at its first frame, until that is in the file and told. */
  #begunAt: number | undefined;
  #video: TrackFeed | undefined;
  #audio: TrackFeed | undefined;
  #timeline: RecordingTimeline | undefined;
  #segment: Segment | undefined;
  /** A segment that was cut and may still get sound up to the boundary. */
  #closing: { readonly segment: Segment; readonly boundaryMs: number; readonly sinceMs: number } | undefined;
  /** Where the recording goes on after a wait. */
  #positionMs = 0;
  #heldSound: HeldSound[] = [];
  #pictureSeen = false;
  #lastMediaMs: number;
  #lastKeyFrameMs = 0;
  #keyFrameAskedMs = 0;
  #lastProgressMs = 0;
  #lastSyncMs: number;
  #ended: Promise<SegmentSnapshot[]> | undefined;

  constructor(options: StartRecordingOptions, media: ParticipantMedia, context: RecorderContext) {
    this.options = options;
    this.#media = media;
    this.#context = context;
    this.#logger = context.logger.child({ recordingId: options.recordingId });
    this.#files = new SegmentFiles(options, context);
    const now = context.now();
    this.#lastMediaMs = now;
    this.#lastSyncMs = now;
    this.#stopWatching = media.onTracksChanged(() => this.#step(() => this.#select()));
    this.#step(() => this.#select());
  }

  /**
   * Takes one step that somebody else waits for, mostly the path of the packets: what goes wrong in it ends this
   * recording, with what its files have, and nothing else.
   */
  #step(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.#logger.error({ err: error }, 'recording failed');
    const detail = error instanceof Error ? error.message : String(error);
    void this.end('storage-failed', `the recorder failed: ${detail}`);
  }

  get ended(): boolean {
    return this.#phase === 'ended';
  }

  /** The file that is being written, as it stands; undefined before the first frame and after the end. */
  get current(): SegmentSnapshot | undefined {
    return this.#segment?.snapshot();
  }

  /** Chooses what to listen to among the participant's tracks as they are now. */
  #select(): void {
    if (this.#phase === 'ended') return;
    const { source, media } = this.options;
    const tracks = this.#media.tracks();
    const bySource = (wanted: string) => tracks.find((track) => track.source === wanted);
    const video = media === 'av' ? bySource(source) : undefined;
    const audio =
      bySource('microphone') ?? (source === 'screen' || media === 'audio' ? bySource('screen-audio') : undefined);
    if (this.#video?.track !== video) {
      this.#video?.stop();
      this.#video = video && this.#listen(video, (frame) => this.#onPicture(frame));
    }
    if (this.#audio?.track !== audio) {
      this.#audio?.stop();
      this.#audio = audio && this.#listen(audio, (frame) => this.#onSound(frame));
    }
    this.#requestKeyFrame();
  }

  #listen(track: ReceivedTrack, onFrame: (frame: EncodedFrame) => void): TrackFeed {
    return new TrackFeed(track, {
      // As #step does, without a function for each frame.
      onFrame: (frame) => {
        try {
          onFrame(frame);
        } catch (error) {
          this.#fail(error);
        }
      },
      onSenderReport: (ntpMs, rtpTimestamp) =>
        this.#step(() => this.#timeline?.senderReport(track.kind, ntpMs, rtpTimestamp)),
      onEnded: () => this.#step(() => this.#select()),
    });
  }

  #onPicture(frame: EncodedFrame): void {
    if (this.#phase === 'paused' || this.#phase === 'ended' || this.#video === undefined) return;
    this.#lastMediaMs = this.#context.now();
    this.#pictureSeen = true;
    const { track } = this.#video;
    const codec = track.codec as VideoFormat['codec'];
    const format = frame.keyFrame ? videoFormat(codec, frame.data) : undefined;
    if (frame.keyFrame && format === undefined) {
      track.requestKeyFrame();
      return;
    }
    if (format !== undefined) this.#lastKeyFrameMs = this.#lastMediaMs;
    if (this.#phase === 'waiting') {
      if (format !== undefined) this.#begin({ frame, format });
      return;
    }
    const timeline = this.#timeline!;
    const positionMs = timeline.videoPosition(frame.rtpTimestamp, frame.arrivalMs, track.clockRate);
    let segment = this.#segment!;
    if (format !== undefined && this.#outgrows(segment.layout.video, format)) return;
    if (format !== undefined && this.#cutIsDue(segment, positionMs, format)) {
      this.#cutAt(positionMs, { video: format, audio: this.#soundLayout() });
      segment = this.#segment!;
    }
    // Pictures that the file has no track for come from the next key frame on, in a segment of their own.
    if (segment.layout.video?.codec !== codec) return;
    this.#accountForPicture(segment, positionMs, frame);
    segment.addPicture(positionMs, frame, format);
  }

  #accountForPicture(segment: Segment, positionMs: number, frame: EncodedFrame): void {
    const before = segment.pictureAtMs;
    if (before === undefined) return;
    const missingMs = positionMs - before - segment.pictureMs;
    const at = before + segment.pictureMs - segment.zeroMs;
    if (frame.lostFramesBefore > 0 || frame.lostPacketsBefore > 0) {
      segment.health.lostFrames += frame.lostFramesBefore;
      if (missingMs > segment.pictureMs / 2) {
        segment.health.frozenMs += missingMs;
        segment.health.gap('video', at, missingMs, 'loss');
      }
    } else if (missingMs > ABSENT_PICTURE_MS) {
      segment.health.gap('video', at, missingMs, 'absent');
    }
  }

  #onSound(frame: EncodedFrame): void {
    if (this.#phase === 'paused' || this.#phase === 'ended' || this.#audio === undefined) return;
    this.#lastMediaMs = this.#context.now();
    const samples = opusPacketDuration(frame.data, OPUS_RATE);
    if (!(samples > 0)) return;
    if (this.#phase === 'waiting') {
      this.#heldSound.push({ frame, samples });
      if (this.#video === undefined && !this.#mayGetPicture) this.#begin(undefined);
      return;
    }
    this.#placeSound({ frame, samples });
  }

  #placeSound({ frame, samples }: HeldSound): void {
    const timeline = this.#timeline!;
    const audio = this.#audio!;
    const positionMs = timeline.audioPosition(frame.rtpTimestamp, frame.arrivalMs, audio.track.clockRate);
    const closing = this.#closing;
    const before = closing !== undefined && positionMs < closing.boundaryMs;
    if (closing !== undefined && !before) this.#finishClosing();
    const segment = before ? closing.segment : this.#segment!;
    if (segment.layout.audio === undefined) {
      // Sound appeared: the next key frame begins a segment that has a track for it.
      if (!before) this.#requestKeyFrame();
      return;
    }
    const shiftMs = segment.addSound(positionMs, frame, samples);
    if (shiftMs !== undefined) timeline.shiftAudio(shiftMs);
    if (!before && this.#video === undefined && this.#cutIsDue(segment, positionMs, undefined)) {
      this.#cutAt(segment.audioEndMs ?? positionMs, { video: undefined, audio: this.#soundLayout() });
    }
  }

  #soundLayout(): SegmentLayout['audio'] {
    if (this.#audio === undefined) return this.#context.onlyFile && { channels: 2 };
    return { channels: this.#audio.track.channels ?? 2 };
  }

  /** A picture may still come for the one file that the recording is: without a track for it there is no place later. */
  get #mayGetPicture(): boolean {
    return this.#context.onlyFile !== undefined && this.options.media === 'av';
  }

  /** Ends a recording that is to be one file, and cannot go on in it. */
  #outgrows(layout: SegmentLayout['video'], format: VideoFormat): boolean {
    const { onlyFile } = this.#context;
    if (onlyFile === undefined || layout?.codec === format.codec) return false;
    const detail =
      layout === undefined
        ? 'a picture came, and the file was begun without one'
        : `the picture's codec became ${format.codec}, and the file was begun with ${layout.codec}`;
    onlyFile.outgrown(detail);
    void this.end('stopped', detail);
    return true;
  }

  /** Whether a new segment begins here: at a key frame, or with a packet of sound where there is no picture. */
  #cutIsDue(segment: Segment, positionMs: number, format: VideoFormat | undefined): boolean {
    const { layout } = segment;
    if (format !== undefined && format.codec !== layout.video?.codec) return true;
    if ((layout.audio === undefined) !== (this.#audio === undefined) && this.#audio !== undefined) return true;
    return positionMs - segment.zeroMs >= (format === undefined ? this.options.segmentMs : this.#cutFromMs);
  }

  /** The wait is over: lays down where the time of the recording stands and writes what was held back. */
  #begin(picture: { readonly frame: EncodedFrame; readonly format: VideoFormat } | undefined): void {
    if (picture?.format.codec === 'vp8' && this.#context.onlyFile !== undefined) {
      this.#context.onlyFile.outgrown('the picture comes in VP8, which MP4 does not hold');
      void this.end('stopped');
      return;
    }
    const held = this.#heldSound;
    this.#heldSound = [];
    const first = picture?.frame ?? held[0]?.frame;
    if (first === undefined) return;
    const timeline = new RecordingTimeline(this.#positionMs, first.arrivalMs);
    this.#timeline = timeline;
    for (const feed of [this.#audio, this.#video]) {
      if (feed?.report === undefined) continue;
      timeline.senderReport(feed.track.kind, feed.report.ntpMs, feed.report.rtpTimestamp);
    }
    this.#phase = 'running';
    const layout = { video: picture?.format, audio: this.#soundLayout() };
    const placed: (HeldSound & { positionMs: number })[] = [];
    if (this.#audio !== undefined) {
      for (const sound of held) {
        const { rtpTimestamp, arrivalMs } = sound.frame;
        placed.push({
          ...sound,
          positionMs: timeline.audioPosition(rtpTimestamp, arrivalMs, this.#audio.track.clockRate),
        });
      }
    }
    let zeroMs = placed[0]?.positionMs ?? this.#positionMs;
    let pictureMs: number | undefined;
    if (picture !== undefined && this.#video !== undefined) {
      const { rtpTimestamp, arrivalMs } = picture.frame;
      pictureMs = timeline.videoPosition(rtpTimestamp, arrivalMs, this.#video.track.clockRate);
      if (pictureMs - zeroMs < LEAD_TRIM_MS) zeroMs = pictureMs;
    }
    // A resumed recording goes on in its segment unless the layout has become another.
    if (this.#segment !== undefined && !sameLayout(this.#segment.layout, layout)) this.#cutAt(zeroMs, layout);
    this.#segment ??= this.#files.open(layout, zeroMs, first.arrivalMs);
    for (const sound of placed) {
      if (sound.positionMs + (sound.samples * 1000) / OPUS_RATE <= zeroMs) continue;
      const shiftMs = this.#segment.addSound(sound.positionMs, sound.frame, sound.samples);
      if (shiftMs !== undefined && sound === placed.at(-1)) timeline.shiftAudio(shiftMs);
    }
    if (picture !== undefined && pictureMs !== undefined) {
      this.#segment.addPicture(pictureMs, picture.frame, picture.format);
    }
    if (!this.#everRan) {
      this.#everRan = true;
      this.#begunAt = this.#context.wallClock();
    }
  }

  /** Ends the segment at a position and begins the next one there. */
  #cutAt(positionMs: number, layout: SegmentLayout): void {
    const old = this.#segment;
    if (old === undefined) return;
    this.#finishClosing();
    old.endPicture(positionMs);
    this.#updateHealth(old);
    this.#closing = { segment: old, boundaryMs: positionMs, sinceMs: this.#context.now() };
    this.#segment = this.#files.open(layout, positionMs, this.#context.now());
    this.#video?.rebase();
    this.#audio?.rebase();
    if (old.layout.audio === undefined || (old.audioEndMs ?? 0) >= positionMs) this.#finishClosing();
  }

  #finishClosing(): void {
    const closing = this.#closing;
    if (closing === undefined) return;
    this.#closing = undefined;
    this.#files.finish(closing.segment);
  }

  #updateHealth(segment: Segment): void {
    const { health } = segment;
    const losses = [this.#video, this.#audio].flatMap((feed) => (feed === undefined ? [] : [feed.losses]));
    health.lostPackets = losses.reduce((sum, { lostPackets }) => sum + lostPackets, 0);
    health.recoveredPackets = losses.reduce((sum, { recoveredPackets }) => sum + recoveredPackets, 0);
    if (this.#timeline !== undefined) health.drift = this.#timeline.driftPpm;
  }

  /** Asks once; the track repeats it until a key frame comes. */
  #requestKeyFrame(): void {
    const now = this.#context.now();
    const pending = this.#keyFrameAskedMs > this.#lastKeyFrameMs && now - this.#keyFrameAskedMs < KEY_FRAME_PATIENCE_MS;
    if (pending || this.#video === undefined) return;
    this.#keyFrameAskedMs = now;
    this.#video.track.requestKeyFrame();
  }

  /** From this length on the segment ends at the next key frame. */
  get #cutFromMs(): number {
    const { segmentMs } = this.options;
    return segmentMs - Math.min(CUT_LEAD_MS, segmentMs / 4);
  }

  #tell(state: 'recording' | 'paused' | 'finalizing', at = this.#context.wallClock()): void {
    const { recordingId } = this.options;
    this.#context.emit('recording-state', { recordingId, state, at });
  }

  #tellBegun(): void {
    const begunAt = this.#begunAt;
    this.#begunAt = undefined;
    if (begunAt !== undefined) this.#tell('recording', begunAt);
  }

  /** Called ten times a second: all that happens by time alone. */
  tick(nowMs: number): void {
    if (this.#phase !== 'ended') this.#step(() => this.#tick(nowMs));
  }

  #tick(nowMs: number): void {
    if (this.#phase !== 'paused' && nowMs - this.#lastMediaMs >= this.options.idleMs) {
      void this.end(this.#everRan ? 'idle' : 'no-media');
      return;
    }
    if (this.#phase === 'waiting') this.#tickWaiting(nowMs);
    if (this.#phase === 'running') this.#tickRunning(nowMs);
    const segment = this.#segment;
    if (segment === undefined) return;
    this.#closing?.segment.tick(nowMs);
    segment.tick(nowMs);
    if (segment.begun) this.#tellBegun();
    if (nowMs - this.#lastSyncMs >= this.#context.syncMs) {
      this.#lastSyncMs = nowMs;
      void segment.file.sync();
    }
    if (nowMs - this.#lastProgressMs >= PROGRESS_MS) {
      this.#lastProgressMs = nowMs;
      this.#updateHealth(segment);
      this.#files.progress(segment);
    }
    const { error } = segment.file;
    if (error !== undefined) {
      void this.end(error.code === 'storage-full' ? 'storage-full' : 'storage-failed', error.message);
    }
  }

  #tickWaiting(nowMs: number): void {
    this.#requestKeyFrame();
    const [first] = this.#heldSound;
    if (first === undefined) return;
    const waitedMs = nowMs - first.frame.arrivalMs;
    if (waitedMs >= (this.#pictureSeen ? NO_KEY_FRAME_MS : NO_PICTURE_MS)) this.#begin(undefined);
  }

  #tickRunning(nowMs: number): void {
    const segment = this.#segment!;
    const timeline = this.#timeline!;
    const nowPositionMs = timeline.positionAt(nowMs);
    if (segment.layout.audio !== undefined) {
      const soundEndMs = segment.audioEndMs ?? segment.zeroMs;
      if (nowPositionMs - soundEndMs > SILENCE_AFTER_MS) {
        segment.fillSilence(nowPositionMs - SILENCE_BEHIND_MS, 'absent');
      }
    }
    if (this.#closing !== undefined && nowMs - this.#closing.sinceMs > CLOSING_MS) {
      this.#closing.segment.fillSilence(this.#closing.boundaryMs, 'absent');
      this.#finishClosing();
    }
    const cutSoon = nowPositionMs - segment.zeroMs >= this.#cutFromMs;
    const layoutMissing =
      (this.#video !== undefined && segment.layout.video === undefined) ||
      (this.#audio !== undefined && segment.layout.audio === undefined && this.#video !== undefined);
    if (cutSoon || layoutMissing || nowMs - this.#lastKeyFrameMs >= KEY_FRAME_INTERVAL_MS) this.#requestKeyFrame();
  }

  /** Stops writing until {@link resume}; the file goes on without a hole then. */
  pause(): boolean {
    if (this.#phase !== 'running' && this.#phase !== 'waiting') return false;
    this.#step(() => {
      this.#finishClosing();
      const segment = this.#segment;
      if (segment === undefined) return;
      segment.endPicture();
      segment.cutNow();
      this.#positionMs = segment.endMs;
    });
    if (this.ended) return false;
    this.#heldSound = [];
    this.#phase = 'paused';
    this.#tellBegun();
    this.#tell('paused');
    return true;
  }

  resume(): boolean {
    if (this.#phase !== 'paused') return false;
    this.#phase = 'waiting';
    this.#pictureSeen = false;
    this.#lastMediaMs = this.#context.now();
    this.#requestKeyFrame();
    this.#tell('recording');
    return true;
  }

  /**
   * Ends the recording and finishes its files. The first call decides the reason.
   * @returns all segments, oldest first, once they are finished
   */
  end(reason: EndReason, detail?: string): Promise<SegmentSnapshot[]> {
    this.#ended ??= this.#end(reason, detail);
    return this.#ended;
  }

  async #end(reason: EndReason, detail: string | undefined): Promise<SegmentSnapshot[]> {
    // A short stop while sound waits for its first picture: the sound is kept.
    if (this.#phase === 'waiting' && this.#heldSound.length > 0) {
      try {
        this.#begin(undefined);
      } catch (error) {
        this.#logger.error({ err: error }, 'sound that waited for a picture is lost');
      }
    }
    this.#stopWatching();
    this.#video?.stop();
    this.#audio?.stop();
    if (this.#segment !== undefined) this.#updateHealth(this.#segment);
    this.#phase = 'ended';
    if (this.#segment?.file.error === undefined) this.#tellBegun();
    this.#tell('finalizing');
    this.#finishClosing();
    if (this.#segment !== undefined) {
      if (this.#audio === undefined && this.#context.onlyFile !== undefined) {
        this.#segment.fillSilence(this.#segment.endMs, 'absent');
      }
      this.#files.finish(this.#segment);
    }
    this.#segment = undefined;
    const segments = await this.#files.allFinished();
    this.#context.emit('recording-ended', {
      recordingId: this.options.recordingId,
      reason,
      ...(detail !== undefined && { detail }),
    });
    return segments;
  }
}

function sameLayout(a: SegmentLayout, b: SegmentLayout): boolean {
  return a.video?.codec === b.video?.codec && (a.audio === undefined) === (b.audio === undefined);
}
