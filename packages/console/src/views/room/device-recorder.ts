import type { Room } from '@aircheck/web';
import type { BrowserRecorder, ClientRecording, StartOptions, StoredRecording } from '@aircheck/web/recorder';
import { useCallback, useEffect, useReducer, useRef, useState } from 'react';
import { useProblemToast } from '../../components/problem.tsx';

/** What is recorded on this device: a participant's camera or screen with sound, its sound alone, or the sound of all. */
export type DeviceChoice =
  | { readonly userId: string; readonly what: 'camera' | 'screen' | 'audio' }
  | { readonly what: 'mix' };

export interface DeviceRecorder {
  readonly running: readonly ClientRecording[];
  /** What lies in this browser, newest first; undefined until it has been looked for. */
  readonly stored: readonly StoredRecording[] | undefined;
  /** Percent sent, by the recording's id. */
  readonly uploads: ReadonlyMap<string, number>;
  /** Ids of recordings that are in the library by now. */
  readonly uploaded: ReadonlySet<string>;
  /** Something is being started or stopped. */
  readonly busy: boolean;
  /** Looks for what lies in this browser. */
  look(): void;
  start(choice: DeviceChoice, fileName: string): Promise<void>;
  stop(recording: ClientRecording): Promise<void>;
  save(recording: StoredRecording): Promise<void>;
  upload(recording: StoredRecording): Promise<void>;
  remove(recording: StoredRecording): Promise<void>;
}

/** Recordings in this browser. The recorder is loaded when it is first used. */
export function useDeviceRecorder(room: Room): DeviceRecorder {
  const showProblem = useProblemToast();
  const [, changed] = useReducer((count: number) => count + 1, 0);
  const recorder = useRef<Promise<BrowserRecorder>>(undefined);
  const [stored, setStored] = useState<readonly StoredRecording[]>();
  const [running, setRunning] = useState<readonly ClientRecording[]>([]);
  const [uploads, setUploads] = useState<ReadonlyMap<string, number>>(new Map());
  const [uploaded, setUploaded] = useState<ReadonlySet<string>>(new Set());
  const [busy, setBusy] = useState(false);

  const open = useCallback(() => {
    if (recorder.current !== undefined) return recorder.current;
    const loading = import('@aircheck/web/recorder').then(({ BrowserRecorder }) => new BrowserRecorder(room));
    recorder.current = loading;
    // What could not be loaded may be there the next time.
    loading.catch(() => {
      if (recorder.current === loading) recorder.current = undefined;
    });
    return loading;
  }, [room]);

  const tried = useCallback(
    async (work: () => Promise<unknown>) => {
      try {
        await work();
      } catch (error) {
        showProblem(error);
      }
    },
    [showProblem],
  );

  const look = useCallback(() => {
    void tried(async () => setStored(await (await open()).listRecoverable()));
  }, [open, tried]);

  // Another room has another recorder; what runs there ends with the room.
  useEffect(
    () => () => {
      recorder.current = undefined;
    },
    [],
  );

  const watch = (recording: ClientRecording) => {
    setRunning((all) => [...all, recording]);
    recording.on('progress', changed);
    recording.on('error', showProblem);
    recording.on('state', (state) => {
      if (state === 'stopped' || state === 'failed') {
        setRunning((all) => all.filter((one) => one !== recording));
        look();
      } else changed();
    });
  };

  const during = async (work: () => Promise<unknown>) => {
    setBusy(true);
    await tried(work);
    setBusy(false);
  };

  return {
    running,
    stored,
    uploads,
    uploaded,
    busy,
    look,
    start: (choice, fileName) =>
      during(async () => watch(await (await open()).start({ ...optionsOf(choice), fileName }))),
    stop: (recording) => during(() => recording.stop()),
    save: (recording) => tried(() => recording.save()),
    upload: (recording) =>
      tried(async () => {
        const { id } = recording;
        const sending = recording.upload();
        const percent = (sent: number) => setUploads((all) => new Map([...all, [id, sent]]));
        percent(0);
        sending.on('progress', ({ sentBytes, totalBytes }) => percent(totalBytes ? (100 * sentBytes) / totalBytes : 0));
        try {
          await sending.done;
          setUploaded((all) => new Set([...all, id]));
        } finally {
          setUploads((all) => new Map([...all].filter(([one]) => one !== id)));
        }
      }),
    remove: (recording) =>
      tried(async () => {
        await recording.remove();
        look();
      }),
  };
}

function optionsOf(choice: DeviceChoice): Omit<StartOptions, 'fileName'> {
  if (choice.what === 'mix') return { source: { mix: true } };
  const source = { userId: choice.userId };
  if (choice.what === 'audio') return { source, container: 'm4a' };
  return { source, recordingSource: choice.what };
}
