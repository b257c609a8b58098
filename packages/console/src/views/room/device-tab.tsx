import type { Participant } from '@aircheck/protocol';
import type { Room } from '@aircheck/web';
import type { ClientRecording, StoredRecording } from '@aircheck/web/recorder';
import { App, Button, Dropdown, Progress, Tooltip } from 'antd';
import { useEffect } from 'react';
import { EmptyState } from '../../components/empty-state.tsx';
import {
  CameraIcon,
  CheckIcon,
  DownloadIcon,
  PauseIcon,
  PlayIcon,
  RecordIcon,
  ScreenIcon,
  SoundIcon,
  StopIcon,
  TrashIcon,
  UploadIcon,
} from '../../components/icons.tsx';
import type { MessageKey } from '../../i18n/dictionary.ts';
import { useI18n } from '../../i18n/i18n.tsx';
import type { DeviceChoice, DeviceRecorder } from './device-recorder.ts';
import { fileNameOf } from './file-name.ts';

interface DeviceTabProps {
  readonly room: Room;
  readonly people: readonly Participant[];
  readonly recorder: DeviceRecorder;
}

/** Recording in this browser: whom, what runs, and what lies here. */
export function DeviceTab({ room, people, recorder }: DeviceTabProps) {
  const { t } = useI18n();
  const { running, stored, look } = recorder;
  useEffect(look, [look]);
  return (
    <div className="panel-body" data-testid="device-panel">
      <p className="device-text muted small">{t('device.recordText')}</p>
      <StartButton room={room} people={people} recorder={recorder} />
      {running.length > 0 && (
        <section>
          <h4>{t('panel.running')}</h4>
          {running.map((recording) => (
            <RunningRow key={recording.id} recording={recording} recorder={recorder} />
          ))}
        </section>
      )}
      {(running.length === 0 || (stored !== undefined && stored.length > 0)) && (
        <section>
          <h4>{t('device.stored')}</h4>
          {stored?.length === 0 && (
            <EmptyState icon={<RecordIcon size={24} />} title={t('device.noneTitle')} text={t('device.noneText')} />
          )}
          {stored?.map((recording) => (
            <StoredRow key={recording.id} recording={recording} recorder={recorder} />
          ))}
        </section>
      )}
    </div>
  );
}

const icons = {
  camera: <CameraIcon size={16} />,
  screen: <ScreenIcon size={16} />,
  audio: <SoundIcon size={16} />,
};

/** The button that starts a recording here, with all there is to record. */
function StartButton({ room, people, recorder }: DeviceTabProps) {
  const { t } = useI18n();
  const choices = new Map<string, DeviceChoice>([['mix', { what: 'mix' }]]);
  const groups = people.flatMap(({ userId, tracks }) => {
    const has = (source: string) => tracks.some((track) => track.source === source);
    const items = (['camera', 'screen', 'audio'] as const)
      .filter((what) => has(what === 'audio' ? 'microphone' : what))
      .map((what) => {
        const key = `${userId} ${what}`;
        choices.set(key, { userId, what });
        return {
          key,
          icon: icons[what],
          label: <span data-testid={`device-${userId}-${what}`}>{t(`record.${what}`)}</span>,
        };
      });
    return items.length === 0 ? [] : [{ key: userId, type: 'group' as const, label: userId, children: items }];
  });
  const mix = { key: 'mix', icon: icons.audio, label: <span data-testid="device-mix">{t('device.mix')}</span> };
  const start = (key: string) => {
    const choice = choices.get(key);
    if (choice === undefined) return;
    const who = choice.what === 'mix' ? t('device.everybody') : choice.userId;
    void recorder.start(choice, fileNameOf(room.roomId, who, t(`fileName.${choice.what}`)));
  };
  return (
    <Dropdown trigger={['click']} menu={{ items: [mix, ...groups], onClick: ({ key }) => start(key) }}>
      <Button
        block
        className="device-record"
        icon={<RecordIcon size={16} />}
        loading={recorder.busy}
        data-testid="device-record"
      >
        {t('device.record')}
      </Button>
    </Dropdown>
  );
}

function RunningRow({ recording, recorder }: { recording: ClientRecording; recorder: DeviceRecorder }) {
  const { t, format } = useI18n();
  const { state, progress, plan } = recording;
  const userId = 'userId' in plan.source ? plan.source.userId : undefined;
  const stoppable = state === 'recording' || state === 'paused';
  return (
    <div className="recording-row" data-state={state} data-testid="device-running">
      <span className="rec-dot" />
      <div className="recording-row-text">
        <b className="ellipsis">{userId ?? t('device.mix')}</b>
        <span className="muted small ellipsis">
          {userId !== undefined && `${t(`record.${plan.container === 'm4a' ? 'audio' : plan.recordingSource}`)} · `}
          {format.size(progress.sizeBytes)}
          {state === 'paused' && ` · ${t('state.paused')}`}
        </span>
      </div>
      <span className="recording-time">{format.duration(progress.durationMs)}</span>
      {state === 'recording' && (
        <RowButton label="record.pause" icon={<PauseIcon />} onClick={() => recording.pause()} testId="device-pause" />
      )}
      {state === 'paused' && (
        <RowButton
          label="record.resume"
          icon={<PlayIcon />}
          onClick={() => recording.resume()}
          testId="device-resume"
        />
      )}
      {stoppable && (
        <RowButton
          label="record.stop"
          icon={<StopIcon />}
          onClick={() => void recorder.stop(recording)}
          testId="device-stop"
        />
      )}
    </div>
  );
}

function StoredRow({ recording, recorder }: { recording: StoredRecording; recorder: DeviceRecorder }) {
  const { t, format } = useI18n();
  const { modal } = App.useApp();
  const percent = recorder.uploads.get(recording.id);
  const inLibrary = recorder.uploaded.has(recording.id);
  const remove = () =>
    modal.confirm({
      title: t('device.removeTitle'),
      content: inLibrary ? t('device.removeUploaded') : t('device.removeText'),
      okText: t('device.remove'),
      okButtonProps: { danger: true },
      cancelText: t('action.cancel'),
      onOk: () => recorder.remove(recording),
    });
  return (
    <div className="recording-row" data-testid="device-stored" data-uploaded={inLibrary}>
      <div className="recording-row-text">
        <b className="two-lines">{recording.fileName}</b>
        <span className="muted small">
          {format.duration(recording.durationMs)} · {format.size(recording.sizeBytes)} ·{' '}
          {recording.container.toUpperCase()}
        </span>
        {percent !== undefined && <Progress percent={Math.floor(percent)} size="small" />}
      </div>
      <RowButton
        label="device.save"
        icon={<DownloadIcon />}
        onClick={() => void recorder.save(recording)}
        testId="device-save"
      />
      {inLibrary ? (
        <RowButton label="device.inLibrary" icon={<CheckIcon />} disabled testId="device-uploaded" />
      ) : (
        <RowButton
          label="device.upload"
          icon={<UploadIcon />}
          disabled={percent !== undefined}
          onClick={() => void recorder.upload(recording)}
          testId="device-upload"
        />
      )}
      <RowButton label="device.remove" icon={<TrashIcon />} onClick={remove} testId="device-remove" />
    </div>
  );
}

interface RowButtonProps {
  readonly label: MessageKey;
  readonly icon: React.ReactNode;
  readonly testId: string;
  readonly disabled?: boolean;
  readonly onClick?: () => void;
}

function RowButton({ label, icon, testId, disabled = false, onClick }: RowButtonProps) {
  const { t } = useI18n();
  return (
    <Tooltip title={t(label)}>
      <Button
        type="text"
        size="small"
        icon={icon}
        aria-label={t(label)}
        disabled={disabled}
        data-testid={testId}
        {...(onClick !== undefined && { onClick })}
      />
    </Tooltip>
  );
}
