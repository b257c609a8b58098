import type { Participant, Recording } from '@aircheck/protocol';
import { Button, Dropdown, Tooltip } from 'antd';
import { useState } from 'react';
import {
  CameraIcon,
  PauseIcon,
  PlayIcon,
  RecordIcon,
  ScreenIcon,
  SoundIcon,
  StopIcon,
} from '../../components/icons.tsx';
import type { MessageKey } from '../../i18n/dictionary.ts';
import { useI18n } from '../../i18n/i18n.tsx';
import { type RecordChoice, type RecordingControl, sourceOf } from './recording-control.ts';
import { useTicks } from './use-room.ts';

/** The button that starts a recording of a participant, with what there is to record. */
export function RecordMenu({ participant, control }: { participant: Participant; control: RecordingControl }) {
  const { t } = useI18n();
  const [open, setOpen] = useState(false);
  if (!control.mayRecord(participant.userId)) return null;
  const has = (source: string) => participant.tracks.some((track) => track.source === source);
  // A source is recorded once at a time, with its picture or without.
  const taken = new Set(control.liveOf(participant.userId).map(({ source }) => source));
  const items = (['camera', 'screen', 'audio'] as const).map((choice) => ({
    key: choice,
    icon: icons[choice],
    label: <span data-testid={`record-${participant.userId}-${choice}`}>{t(`record.${choice}`)}</span>,
    disabled: taken.has(sourceOf(choice)) || !has(choice === 'audio' ? 'microphone' : choice),
  }));
  return (
    <Dropdown
      trigger={['click']}
      placement="bottomRight"
      onOpenChange={setOpen}
      menu={{ items, onClick: ({ key }) => void control.start(participant, key as RecordChoice) }}
    >
      <Tooltip title={open ? '' : t('record.start')}>
        <Button
          className="record-button"
          size="small"
          icon={<RecordIcon size={16} />}
          loading={control.busy.has(participant.userId)}
          data-testid={`record-${participant.userId}`}
        >
          {t('record.record')}
        </Button>
      </Tooltip>
    </Dropdown>
  );
}

const icons = {
  camera: <CameraIcon size={16} />,
  screen: <ScreenIcon size={16} />,
  audio: <SoundIcon size={16} />,
};

export function choiceOf({ source, media }: Recording): RecordChoice {
  return media === 'audio' ? 'audio' : source;
}

/** `REC 0:12` over a tile. */
export function RecBadge({ recording, control }: { recording: Recording; control: RecordingControl }) {
  const { t, format } = useI18n();
  const recordedMs = useRecordedMs(recording, control);
  return (
    <span
      className="rec-badge"
      data-state={recording.state}
      data-testid={`rec-${recording.userId}-${choiceOf(recording)}`}
    >
      <i />
      {recording.state === 'recording' ? 'REC' : t(`state.${recording.state}`)}
      {recordedMs > 0 && <b>{format.duration(recordedMs)}</b>}
    </span>
  );
}

/** A running recording with its pause, resume and stop buttons. */
export function RecordingRow({ recording, control }: { recording: Recording; control: RecordingControl }) {
  const { t, format } = useI18n();
  const recordedMs = useRecordedMs(recording, control);
  const busy = control.busy.has(recording.recordingId);
  const { state } = recording;
  const mayControl = control.mayRecord(recording.userId);
  const stoppable = state === 'starting' || state === 'recording' || state === 'paused';
  const action = (label: MessageKey, icon: React.ReactNode, onClick: () => void, testId: string) => (
    <Tooltip title={t(label)}>
      <Button
        type="text"
        size="small"
        icon={icon}
        aria-label={t(label)}
        disabled={busy}
        onClick={onClick}
        data-testid={testId}
      />
    </Tooltip>
  );
  return (
    <div
      className="recording-row"
      data-state={state}
      data-testid={`recording-${recording.userId}-${choiceOf(recording)}`}
    >
      <span className="rec-dot" />
      <div className="recording-row-text">
        <b className="ellipsis">{recording.userId}</b>
        <span className="muted small ellipsis">
          {t(`record.${choiceOf(recording)}`)}
          {state === 'recording' ? '' : ` · ${t(`state.${state}`)}`}
        </span>
      </div>
      <span className="recording-time">{format.duration(recordedMs)}</span>
      {mayControl &&
        state === 'recording' &&
        action('record.pause', <PauseIcon />, () => void control.pause(recording), 'pause-recording')}
      {mayControl &&
        state === 'paused' &&
        action('record.resume', <PlayIcon />, () => void control.resume(recording), 'resume-recording')}
      {mayControl &&
        stoppable &&
        action('record.stop', <StopIcon />, () => void control.stop(recording), 'stop-recording')}
    </div>
  );
}

function useRecordedMs(recording: Recording, control: RecordingControl): number {
  useTicks(recording.state === 'recording');
  return control.clock.elapsedMs(recording, Date.now());
}
