import { AircheckError, type LocalTrack, type RemoteTrack, Room } from '@aircheck/web';
import { nativePlatform } from '@aircheck/web/native';
import NetInfo from '@react-native-community/netinfo';
import { useCallback, useEffect, useRef, useState } from 'react';
import { AppState, PermissionsAndroid, Platform } from 'react-native';
import * as webRtc from 'react-native-webrtc';

/** Media on iOS and Android goes through `react-native-webrtc`; the two others tell when its path has changed. */
const platform = nativePlatform(webRtc, { netInfo: NetInfo, appState: AppState });

/** A joined room as components show it. */
export interface RoomView {
  readonly state: 'out' | 'joining' | 'in' | 'reconnecting';
  readonly camera: LocalTrack | undefined;
  readonly remoteTracks: readonly RemoteTrack[];
  /** The running recording of oneself. */
  readonly recordingId: string | undefined;
  /** Files of the last recording. */
  readonly fileIds: readonly string[];
  readonly error: string | undefined;
  join(url: string, token: string): Promise<void>;
  leave(): Promise<void>;
  startRecording(fileName: string): Promise<void>;
  stopRecording(): Promise<void>;
}

/** Joins a room with camera and microphone, and records oneself on the server. */
export function useRoom(): RoomView {
  const [room, setRoom] = useState<Room>();
  const [state, setState] = useState<RoomView['state']>('out');
  const [recordingId, setRecordingId] = useState<string>();
  const [fileIds, setFileIds] = useState<readonly string[]>([]);
  const [error, setError] = useState<string>();
  const [, redraw] = useState(0);
  const joined = useRef<Room>(undefined);

  useEffect(() => () => void joined.current?.leave(), []);

  const attempt = useCallback(async (action: () => Promise<void>) => {
    setError(undefined);
    try {
      await action();
    } catch (cause) {
      // What the server refuses says what to do about it; devices refuse with an error of the system.
      setError(cause instanceof AircheckError ? [cause.message, cause.hint].join(' ') : String(cause));
    }
  }, []);

  const join = useCallback(
    (url: string, token: string) =>
      attempt(async () => {
        setState('joining');
        try {
          await allowDevices();
          const next = await Room.connect(url, token, { platform });
          joined.current = next;
          const changed = () => redraw((count) => count + 1);
          next.on('track-added', changed);
          next.on('track-removed', changed);
          next.on('local-track-added', changed);
          next.on('local-track-removed', changed);
          next.on('state', (now) => {
            if (now === 'connected') setState('in');
            if (now === 'reconnecting') setState('reconnecting');
          });
          next.on('closed', (_reason, cause) => {
            setRoom(undefined);
            setState('out');
            if (cause !== undefined) setError(cause.message);
          });
          setRoom(next);
          setState('in');
          await next.publishMicrophone();
          await next.publishCamera();
        } catch (cause) {
          if (joined.current?.state !== 'connected') setState('out');
          throw cause;
        }
      }),
    [attempt],
  );

  const leave = useCallback(() => attempt(async () => joined.current?.leave()), [attempt]);

  const startRecording = useCallback(
    (fileName: string) =>
      attempt(async () => {
        const recording = await joined.current?.startRecording({ fileName });
        setRecordingId(recording?.recordingId);
      }),
    [attempt],
  );

  const stopRecording = useCallback(
    () =>
      attempt(async () => {
        if (recordingId === undefined) return;
        const recording = await joined.current?.stopRecording(recordingId);
        setRecordingId(undefined);
        setFileIds(recording?.fileIds ?? []);
      }),
    [attempt, recordingId],
  );

  return {
    state,
    camera: room?.localTrack('camera'),
    remoteTracks: room?.remoteTracks ?? [],
    recordingId,
    fileIds,
    error,
    join,
    leave,
    startRecording,
    stopRecording,
  };
}

/** iOS asks by itself when a device is opened; Android wants to be asked before. */
async function allowDevices(): Promise<void> {
  if (Platform.OS !== 'android') return;
  const { CAMERA, RECORD_AUDIO } = PermissionsAndroid.PERMISSIONS;
  const answers = await PermissionsAndroid.requestMultiple([CAMERA, RECORD_AUDIO]);
  if (Object.values(answers).some((answer) => answer !== PermissionsAndroid.RESULTS.GRANTED)) {
    throw new AircheckError('forbidden', 'Camera and microphone are not allowed', {
      hint: 'Allow them in the settings of the system',
    });
  }
}
