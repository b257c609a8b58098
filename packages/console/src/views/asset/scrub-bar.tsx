import { useQuery } from '@tanstack/react-query';
import { useRef, useState } from 'react';
import { useLibraryI18n } from '../../i18n/library-i18n.ts';
import { parseSprite, tileAt } from './sprite.ts';

export interface Marks {
  readonly inMs?: number | undefined;
  readonly outMs?: number | undefined;
}

interface ScrubBarProps {
  /** All in milliseconds; a live file's window begins where its oldest part is. */
  readonly startMs: number;
  readonly endMs: number;
  readonly nowMs: number;
  readonly bufferedMs: number;
  readonly marks: Marks;
  /** Address of a sprite's WebVTT. */
  readonly sprite: string | null;
  onSeek(ms: number): void;
}

const stepMs = 5_000;
const previewWidth = 160;

/** The line of time under a picture: a pointer on it sees what is there, a press goes there. */
export function ScrubBar({ startMs, endMs, nowMs, bufferedMs, marks, sprite, onSeek }: ScrubBarProps) {
  const { t, format } = useLibraryI18n();
  const bar = useRef<HTMLDivElement>(null);
  const [pointerMs, setPointerMs] = useState<number>();
  const [dragging, setDragging] = useState(false);
  const tiles = useQuery({
    queryKey: ['sprite', sprite],
    queryFn: async ({ signal }) => {
      const response = await fetch(sprite ?? '', { signal });
      return response.ok ? parseSprite(await response.text(), sprite ?? '') : [];
    },
    enabled: sprite !== null,
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  });
  const span = Math.max(1, endMs - startMs);
  const percent = (ms: number) => `${Math.min(100, Math.max(0, ((ms - startMs) / span) * 100))}%`;
  const at = (event: React.PointerEvent) => {
    const box = bar.current?.getBoundingClientRect();
    if (box === undefined || box.width === 0) return startMs;
    return startMs + Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * span;
  };
  const onKeyDown = (event: React.KeyboardEvent) => {
    const goals: Record<string, number> = {
      ArrowLeft: nowMs - stepMs,
      ArrowRight: nowMs + stepMs,
      PageDown: nowMs - stepMs * 6,
      PageUp: nowMs + stepMs * 6,
      Home: startMs,
      End: endMs,
    };
    const goal = goals[event.key];
    if (goal === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    onSeek(Math.min(endMs, Math.max(startMs, goal)));
  };
  const tile = pointerMs === undefined ? undefined : tileAt(tiles.data ?? [], pointerMs - startMs);
  const scale = tile === undefined ? 1 : previewWidth / tile.width;
  return (
    <div
      ref={bar}
      className="scrub"
      role="slider"
      tabIndex={0}
      aria-label={t('player.position')}
      aria-valuemin={0}
      aria-valuemax={Math.round(span / 1000)}
      aria-valuenow={Math.round((nowMs - startMs) / 1000)}
      aria-valuetext={format.duration(nowMs - startMs)}
      onKeyDown={onKeyDown}
      onPointerDown={(event) => {
        if (event.button !== 0) return;
        event.currentTarget.setPointerCapture(event.pointerId);
        setDragging(true);
        setPointerMs(at(event));
        onSeek(at(event));
      }}
      onPointerMove={(event) => {
        const ms = at(event);
        setPointerMs(ms);
        if (dragging) onSeek(ms);
      }}
      onPointerUp={(event) => {
        setDragging(false);
        if (event.pointerType !== 'mouse') setPointerMs(undefined);
      }}
      onPointerCancel={() => setDragging(false)}
      onPointerLeave={() => !dragging && setPointerMs(undefined)}
      data-testid="scrub"
    >
      <div className="scrub-line">
        <i className="scrub-buffered" style={{ width: percent(bufferedMs) }} />
        <i className="scrub-played" style={{ width: percent(nowMs) }} />
        {(marks.inMs !== undefined || marks.outMs !== undefined) && (
          <i
            className="scrub-marked"
            style={{ left: percent(marks.inMs ?? startMs), right: `calc(100% - ${percent(marks.outMs ?? endMs)})` }}
          />
        )}
        <i className="scrub-knob" style={{ left: percent(nowMs) }} />
      </div>
      {pointerMs !== undefined && (
        <div
          className="scrub-preview"
          style={{
            left: `clamp(${tile === undefined ? 28 : previewWidth / 2}px, ${percent(pointerMs)}, calc(100% - ${tile === undefined ? 28 : previewWidth / 2}px))`,
          }}
          data-testid="scrub-preview"
        >
          {tile !== undefined && (
            <i
              style={{
                width: tile.width,
                height: tile.height,
                zoom: scale,
                backgroundImage: `url("${tile.url}")`,
                backgroundPosition: `-${tile.x}px -${tile.y}px`,
              }}
            />
          )}
          <span>{format.duration(pointerMs - startMs)}</span>
        </div>
      )}
    </div>
  );
}
