import { Button, Dropdown } from 'antd';
import type HlsPlayer from 'hls.js';
import { type ReactNode, type Ref, useEffect, useImperativeHandle, useRef, useState } from 'react';
import { FullScreenIcon, PauseIcon, PlayIcon, SoundIcon, VolumeIcon, VolumeOffIcon } from '../../components/icons.tsx';
import { useLibraryI18n } from '../../i18n/library-i18n.ts';
import { type Marks, ScrubBar } from './scrub-bar.tsx';

/** What is played: a file, or a playlist where `hls` is given. */
export interface PlaySource {
  readonly url: string;
  readonly hls: boolean;
}

export interface PlayerHandle {
  /** The place that is shown, from the beginning of the file, in milliseconds. */
  nowMs(): number;
  seek(ms: number): void;
  toggle(): void;
}

interface PlayerProps {
  readonly source: PlaySource;
  /** It is still being recorded. */
  readonly growing: boolean;
  readonly audioOnly: boolean;
  readonly poster?: string | null | undefined;
  readonly sprite?: string | null | undefined;
  readonly marks?: Marks;
  /** More controls, beside full screen. */
  readonly children?: ReactNode;
  readonly ref?: Ref<PlayerHandle>;
}

/** Seconds behind the end of a growing file up to which one counts as watching live. */
const liveWindowSeconds = 15;
/** So close to its end a file counts as played. */
const endSeconds = 0.5;
const speeds = [0.5, 1, 1.25, 1.5, 2];

interface Progress {
  readonly startMs: number;
  readonly endMs: number;
  readonly nowMs: number;
  readonly bufferedMs: number;
  readonly playing: boolean;
  readonly muted: boolean;
}

const atRest: Progress = { startMs: 0, endMs: 0, nowMs: 0, bufferedMs: 0, playing: false, muted: false };

/** Plays a file: as it is, or over HLS, which growing files need. */
export function Player({ source, growing, audioOnly, poster, sprite, marks = {}, children, ref }: PlayerProps) {
  const { t, format } = useLibraryI18n();
  const box = useRef<HTMLDivElement>(null);
  const video = useRef<HTMLVideoElement>(null);
  const resumeAt = useRef(0);
  const [failed, setFailed] = useState(false);
  const [progress, setProgress] = useState(atRest);
  const [speed, setSpeed] = useState(1);
  const { startMs, endMs, nowMs, bufferedMs, playing, muted } = progress;

  const look = () => {
    const element = video.current;
    if (element !== null) setProgress(progressOf(element));
  };
  const seek = (ms: number) => {
    const element = video.current;
    if (element === null) return;
    element.currentTime = ms / 1000;
    look();
  };
  const toggle = () => {
    const element = video.current;
    if (element === null) return;
    if (element.paused) void element.play().catch(() => undefined);
    else element.pause();
  };
  useImperativeHandle(ref, () => ({
    nowMs: () => (video.current?.currentTime ?? 0) * 1000,
    seek,
    toggle,
  }));

  useEffect(() => {
    const element = video.current;
    if (element === null) return;
    setFailed(false);
    const goOn = () => {
      // Another form of the same file goes on where the former was, unless that was over.
      if (resumeAt.current > 0 && resumeAt.current < element.duration - endSeconds) {
        element.currentTime = resumeAt.current;
      }
    };
    element.addEventListener('loadedmetadata', goOn, { once: true });
    const unload = () => {
      resumeAt.current = element.currentTime;
      element.removeEventListener('loadedmetadata', goOn);
      element.removeAttribute('src');
      element.load();
    };
    if (!source.hls) {
      element.src = source.url;
      return unload;
    }
    let over = false;
    let player: HlsPlayer | undefined;
    // Only who plays a playlist needs the library.
    import('hls.js').then(
      ({ default: Hls }) => {
        if (over) return;
        if (!Hls.isSupported()) {
          // Safari on iPhones has no Media Source Extensions, and plays HLS by itself.
          element.src = source.url;
          return;
        }
        player = new Hls({ liveDurationInfinity: true, liveSyncDurationCount: 2, enableWorker: true });
        player.on(Hls.Events.ERROR, (_, { fatal }) => {
          if (fatal) setFailed(true);
        });
        player.loadSource(source.url);
        player.attachMedia(element);
      },
      () => setFailed(true),
    );
    return () => {
      over = true;
      player?.destroy();
      unload();
    };
  }, [source.url, source.hls]);

  const behind = growing && endMs - nowMs > liveWindowSeconds * 1000;
  const jumpToLive = () => {
    seek(endMs - 1000);
    void video.current?.play();
  };
  const onKeyDown = (event: React.KeyboardEvent) => {
    if (event.key !== ' ' && event.key !== 'k') return;
    if ((event.target as HTMLElement).closest('button')) return;
    event.preventDefault();
    toggle();
  };

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the space bar plays and pauses wherever the focus is inside
    <div ref={box} className="player" data-audio={audioOnly} data-playing={playing} onKeyDown={onKeyDown}>
      <video
        ref={video}
        autoPlay
        playsInline
        {...(poster != null && { poster })}
        onClick={toggle}
        onTimeUpdate={look}
        onProgress={look}
        onDurationChange={look}
        onPlay={look}
        onPause={look}
        onSeeked={look}
        onVolumeChange={look}
        onError={() => setFailed(true)}
        data-testid="player-video"
      />
      {audioOnly && (
        <div className="player-sound">
          <SoundIcon size={44} />
        </div>
      )}
      {growing && !failed && (
        <div className="player-live">
          <span className="rec-badge" data-state={behind ? 'paused' : 'recording'}>
            <i />
            {t('player.live')}
          </span>
          {behind && (
            <Button size="small" onClick={jumpToLive}>
              {t('player.toLive')}
            </Button>
          )}
        </div>
      )}
      {failed && <div className="player-failed">{t('player.failed')}</div>}
      <div className="player-bar">
        <ScrubBar {...{ startMs, endMs, nowMs, bufferedMs, marks }} sprite={sprite ?? null} onSeek={seek} />
        <div className="player-controls">
          <button type="button" onClick={toggle} aria-label={t(playing ? 'player.pause' : 'player.play')}>
            {playing ? <PauseIcon size={20} /> : <PlayIcon size={20} />}
          </button>
          <button
            type="button"
            onClick={() => {
              if (video.current !== null) video.current.muted = !muted;
            }}
            aria-label={t(muted ? 'player.unmute' : 'player.mute')}
          >
            {muted ? <VolumeOffIcon size={19} /> : <VolumeIcon size={19} />}
          </button>
          <span className="player-time figures">
            {format.duration(nowMs - startMs)} <em>/ {format.duration(endMs - startMs)}</em>
          </span>
          <div className="spacer" />
          {children}
          {!growing && (
            <Dropdown
              trigger={['click']}
              placement="topRight"
              getPopupContainer={() => box.current ?? document.body}
              menu={{
                selectable: true,
                selectedKeys: [String(speed)],
                items: speeds.map((value) => ({ key: String(value), label: `${value}×` })),
                onClick: ({ key }) => {
                  if (video.current !== null) video.current.playbackRate = Number(key);
                  setSpeed(Number(key));
                },
              }}
            >
              <button type="button" className="player-text-button figures" aria-label={t('player.speed')}>
                {speed}×
              </button>
            </Dropdown>
          )}
          {!audioOnly && (
            <button
              type="button"
              onClick={() => {
                if (document.fullscreenElement !== null) void document.exitFullscreen();
                else void box.current?.requestFullscreen?.().catch(() => undefined);
              }}
              aria-label={t('player.fullScreen')}
            >
              <FullScreenIcon size={19} />
            </button>
          )}
        </div>
      </div>
    </div>
  );
}

function progressOf(element: HTMLVideoElement): Progress {
  const { seekable, buffered, duration, currentTime, paused, muted } = element;
  const last = seekable.length - 1;
  const live = !Number.isFinite(duration);
  const holding = Array.from({ length: buffered.length }, (_, index) => index).find(
    (index) => buffered.start(index) <= currentTime + 0.1 && buffered.end(index) >= currentTime,
  );
  return {
    startMs: live && last >= 0 ? seekable.start(0) * 1000 : 0,
    endMs: live ? (last >= 0 ? seekable.end(last) * 1000 : 0) : duration * 1000,
    nowMs: currentTime * 1000,
    bufferedMs: holding === undefined ? currentTime * 1000 : buffered.end(holding) * 1000,
    playing: !paused,
    muted,
  };
}
