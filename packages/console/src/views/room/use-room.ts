import type { Recording } from '@aircheck/protocol';
import type { Room, RoomEvents, RoomStatistics } from '@aircheck/web';
import { useEffect, useReducer, useRef, useState } from 'react';

const changes = [
  'state',
  'participant-joined',
  'participant-updated',
  'participant-left',
  'track-added',
  'track-removed',
  'local-track-added',
  'local-track-updated',
  'local-track-removed',
  'recording',
] as const satisfies readonly (keyof RoomEvents)[];

/** Renders anew whenever anything in the room changes. */
export function useRoomChanges(room: Room): void {
  const [, changed] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    const ends = changes.map((name) => room.on(name, changed));
    // Something may have happened between the first rendering and now.
    changed();
    return () => {
      for (const end of ends) end();
    };
  }, [room]);
}

const statisticsIntervalMs = 700;

/** The room's statistics, read again and again. */
export function useRoomStatistics(room: Room): RoomStatistics | undefined {
  const [statistics, setStatistics] = useState<RoomStatistics>();
  useEffect(() => {
    let over = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const read = async () => {
      try {
        const value = await room.statistics();
        if (!over) setStatistics(value);
      } finally {
        if (!over) timer = setTimeout(() => void read(), statisticsIntervalMs);
      }
    };
    void read();
    return () => {
      over = true;
      clearTimeout(timer);
    };
  }, [room]);
  return statistics;
}

const ended: readonly Recording['state'][] = ['ready', 'failed'];

/** Whether a recording has come to its end. */
export function isEnded(recording: Recording): boolean {
  return ended.includes(recording.state);
}

/** How long a recording is by now: what the server said last, and while it runs the time since. */
export function useRecordedMs(recording: Recording): number {
  const [nowMs, setNowMs] = useState(() => Date.now());
  const heard = useRef({ recording, atMs: Date.now() });
  if (heard.current.recording !== recording) heard.current = { recording, atMs: Date.now() };
  const running = recording.state === 'recording';
  useEffect(() => {
    if (!running) return;
    setNowMs(Date.now());
    const timer = setInterval(() => setNowMs(Date.now()), 500);
    return () => clearInterval(timer);
  }, [running]);
  if (!running) return recording.durationMs;
  const sinceHeardMs = Math.max(0, nowMs - heard.current.atMs);
  // The server counts only what is written; for one who joins later, the start says more than its first count.
  if (recording.durationMs === 0 && recording.startedAt !== null) {
    return Math.max(sinceHeardMs, nowMs - Date.parse(recording.startedAt));
  }
  return recording.durationMs + sinceHeardMs;
}
