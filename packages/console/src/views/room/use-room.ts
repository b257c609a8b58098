import type { Recording } from '@aircheck/protocol';
import type { Room, RoomEvents, RoomStatistics } from '@aircheck/web';
import { useEffect, useReducer, useState } from 'react';

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
      } catch {
        // A connection was just being replaced; the next look finds the new one.
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

/** Renders anew twice a second while something runs. */
export function useTicks(running: boolean): void {
  const [, tick] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    if (!running) return;
    const timer = setInterval(tick, 500);
    return () => clearInterval(timer);
  }, [running]);
}
