import type { Participant, Recording, RecordingMedia, RecordingSource } from '@aircheck/protocol';
import type { RestClient, Room } from '@aircheck/web';
import { useRef, useState } from 'react';
import { consoleApi } from '../../api.tsx';
import { useProblemToast } from '../../components/problem.tsx';
import { useI18n } from '../../i18n/i18n.tsx';
import { fileNameOf } from './file-name.ts';
import { RecordingClock } from './recording-clock.ts';
import { isEnded } from './use-room.ts';

/** What can be recorded of a participant. */
export type RecordChoice = 'camera' | 'screen' | 'audio';

export interface RecordingControl {
  /** The API that the page may use: the console's own when signed in, else the participant's. */
  readonly api: RestClient;
  mayRecord(userId: string): boolean;
  /** Recordings of a participant that have not ended. */
  liveOf(userId: string): readonly Recording[];
  start(participant: Participant, choice: RecordChoice): Promise<void>;
  pause(recording: Recording): Promise<void>;
  resume(recording: Recording): Promise<void>;
  stop(recording: Recording): Promise<void>;
  readonly clock: RecordingClock;
  /** Ids of recordings, or user ids, for which an answer is waited for. */
  readonly busy: ReadonlySet<string>;
}

export function useRecordingControl(room: Room, signedIn: boolean): RecordingControl {
  const { t } = useI18n();
  const showProblem = useProblemToast();
  const [busy, setBusy] = useState<ReadonlySet<string>>(new Set());
  const clock = useRef(new RecordingClock());
  const api = signedIn ? consoleApi : room.api;

  const during = async (key: string, work: () => Promise<unknown>) => {
    setBusy((keys) => new Set([...keys, key]));
    try {
      await work();
    } catch (error) {
      showProblem(error);
    } finally {
      setBusy((keys) => new Set([...keys].filter((one) => one !== key)));
    }
  };

  return {
    api,
    busy,
    clock: clock.current,
    mayRecord: (userId) => {
      if (room.roomType === 'pair') return false;
      const { self } = room;
      return signedIn || self.role === 'host' || (self.role === 'guest' && self.userId === userId);
    },
    liveOf: (userId) => room.recordings.filter((recording) => recording.userId === userId && !isEnded(recording)),
    start: ({ userId }, choice) => {
      const media: RecordingMedia = choice === 'audio' ? 'audio' : 'av';
      return during(userId, () =>
        api.startRecording(room.roomId, {
          userId,
          source: sourceOf(choice),
          media,
          fileName: fileNameOf(room.roomId, userId, t(`fileName.${choice}`)),
        }),
      );
    },
    pause: ({ recordingId }) => during(recordingId, () => api.pauseRecording(recordingId)),
    resume: ({ recordingId }) => during(recordingId, () => api.resumeRecording(recordingId)),
    stop: ({ recordingId }) => during(recordingId, () => api.stopRecording(recordingId)),
  };
}

/** What is recorded under a choice; sound alone is the camera's. */
export function sourceOf(choice: RecordChoice): RecordingSource {
  return choice === 'screen' ? 'screen' : 'camera';
}
