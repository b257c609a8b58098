import type { Asset, Participant } from '@aircheck/protocol';
import type { Room } from '@aircheck/web';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Skeleton, Tabs } from 'antd';
import { lazy, Suspense, useEffect, useState } from 'react';
import { queryKeys } from '../../api.tsx';
import { Avatar } from '../../components/avatar.tsx';
import { EmptyState } from '../../components/empty-state.tsx';
import {
  CameraIcon,
  LibraryIcon,
  MicrophoneIcon,
  MicrophoneOffIcon,
  PlayIcon,
  ScreenIcon,
} from '../../components/icons.tsx';
import { ProblemAlert } from '../../components/problem.tsx';
import { useI18n } from '../../i18n/i18n.tsx';
import { ConnectPanel } from './connect-panel.tsx';
import type { DeviceRecorder } from './device-recorder.ts';
import { DeviceTab } from './device-tab.tsx';
import { RecordingRow, RecordMenu } from './record-menu.tsx';
import type { RecordingControl } from './recording-control.ts';
import { isEnded } from './use-room.ts';

const refreshMs = 3_000;

const PlayerDrawer = lazy(() => import('../library/player-drawer.tsx'));

interface SidePanelProps {
  readonly room: Room;
  readonly people: readonly Participant[];
  readonly control: RecordingControl;
  readonly recorder: DeviceRecorder;
  readonly signedIn: boolean;
}

/** Beside the pictures: recordings and their files, the people, and how other software connects. */
export function SidePanel({ room, people, control, recorder, signedIn }: SidePanelProps) {
  const { t } = useI18n();
  return (
    <Tabs
      className="side-tabs"
      defaultActiveKey="recordings"
      tabBarGutter={16}
      items={[
        {
          key: 'recordings',
          label: <span data-testid="tab-recordings">{t('panel.recordings')}</span>,
          children: <RecordingsTab room={room} control={control} />,
        },
        {
          key: 'people',
          label: <span data-testid="tab-people">{t('panel.people', { count: people.length })}</span>,
          children: <PeopleTab room={room} people={people} control={control} />,
        },
        {
          key: 'device',
          label: <span data-testid="tab-device">{t('panel.device')}</span>,
          children: <DeviceTab room={room} people={people} recorder={recorder} />,
        },
        ...(signedIn
          ? [
              {
                key: 'connect',
                label: <span data-testid="tab-connect">{t('panel.connect')}</span>,
                children: <ConnectPanel roomId={room.roomId} people={people} />,
              },
            ]
          : []),
      ]}
    />
  );
}

function RecordingsTab({ room, control }: { room: Room; control: RecordingControl }) {
  const { t } = useI18n();
  const queryClient = useQueryClient();
  const filter = { roomId: room.roomId, limit: 30 };
  const files = useQuery({
    queryKey: queryKeys.assets(filter),
    queryFn: ({ signal }) => control.api.assets(filter, signal),
    refetchInterval: ({ state }) =>
      state.data?.items.some((asset) => asset.state === 'recording') ? refreshMs : false,
  });
  const [played, setPlayed] = useState<Asset>();
  const live = room.recordings.filter((recording) => !isEnded(recording));

  useEffect(
    () => room.on('recording', () => void queryClient.invalidateQueries({ queryKey: ['assets'] })),
    [room, queryClient],
  );

  return (
    <div className="panel-body">
      {room.roomType === 'pair' && <p className="notice">{t('panel.pair')}</p>}
      {live.length > 0 && (
        <section>
          <h4>{t('panel.running')}</h4>
          {live.map((recording) => (
            <RecordingRow key={recording.recordingId} recording={recording} control={control} />
          ))}
        </section>
      )}
      <section>
        <h4>{t('panel.files')}</h4>
        {files.error !== null && <ProblemAlert error={files.error} onRetry={() => void files.refetch()} />}
        {files.isPending && files.error === null && <Skeleton active paragraph={{ rows: 2 }} />}
        {files.data?.items.length === 0 && (
          <EmptyState icon={<LibraryIcon size={24} />} title={t('panel.noFilesTitle')} text={t('panel.noFilesText')} />
        )}
        {files.data?.items.map((asset) => (
          <FileRow key={asset.fileId} asset={asset} onPlay={() => setPlayed(asset)} />
        ))}
      </section>
      {played !== undefined && (
        <Suspense>
          <PlayerDrawer
            key={played.fileId}
            fileId={played.fileId}
            api={control.api}
            onClose={() => setPlayed(undefined)}
          />
        </Suspense>
      )}
    </div>
  );
}

function FileRow({ asset, onPlay }: { asset: Asset; onPlay: () => void }) {
  const { t, format } = useI18n();
  const growing = asset.state === 'recording';
  return (
    <button
      type="button"
      className="file-row"
      onClick={onPlay}
      disabled={asset.state === 'failed'}
      data-testid={`play-${asset.fileId}`}
      data-state={asset.state}
    >
      <span className="file-play">
        <PlayIcon size={16} />
      </span>
      <span className="file-row-text">
        <b className="two-lines">{asset.fileName}</b>
        <span className="muted small">
          {growing ? t('library.growing') : format.duration(asset.durationMs)}
          {asset.sizeBytes > 0 && ` · ${format.size(asset.sizeBytes)}`}
          {' · '}
          {format.time(asset.startedAt)}
          {asset.segmentIndex > 0 && ` · ${t('library.segment', { number: asset.segmentIndex + 1 })}`}
        </span>
      </span>
    </button>
  );
}

function PeopleTab({ room, people, control }: Omit<SidePanelProps, 'recorder' | 'signedIn'>) {
  const { t } = useI18n();
  return (
    <div className="panel-body">
      {people.map((participant) => {
        const { userId, role, via, connected, tracks } = participant;
        const microphone = tracks.find(({ source }) => source === 'microphone');
        return (
          <div className="person-row" key={userId} data-testid={`person-${userId}`}>
            <Avatar name={userId} size={34} />
            <div className="person-text">
              <b className="ellipsis">
                {userId}
                {userId === room.self.userId ? ` (${t('room.you')})` : ''}
              </b>
              <span className="muted small person-icons">
                {t(`role.${role}`)}
                {via === 'whip' ? ' · WHIP' : ''}
                {connected ? '' : ` · ${t('room.reconnectingOther')}`}
                {microphone !== undefined &&
                  (microphone.muted ? <MicrophoneOffIcon size={14} /> : <MicrophoneIcon size={14} />)}
                {tracks.some(({ source }) => source === 'camera') && <CameraIcon size={14} />}
                {tracks.some(({ source }) => source === 'screen') && <ScreenIcon size={14} />}
              </span>
            </div>
            {tracks.length > 0 && <RecordMenu participant={participant} control={control} />}
          </div>
        );
      })}
    </div>
  );
}
