import type { Participant } from '@aircheck/protocol';
import type { Room, RoomStatistics } from '@aircheck/web';
import { App, Button, Drawer, Tooltip } from 'antd';
import { useEffect, useRef, useState } from 'react';
import { EmptyState } from '../../components/empty-state.tsx';
import { PanelIcon, PeopleIcon } from '../../components/icons.tsx';
import { LogoMark } from '../../components/logo.tsx';
import { LanguageSwitch, SchemeSwitch } from '../../components/shell.tsx';
import { useMedia } from '../../components/use-media.ts';
import { useI18n } from '../../i18n/i18n.tsx';
import { InviteButton } from '../rooms/invite-button.tsx';
import { ControlBar } from './control-bar.tsx';
import { useDeviceRecorder } from './device-recorder.ts';
import { MediaAudio } from './media-element.tsx';
import { QualityBadge } from './quality-badge.tsx';
import { useRecordingControl } from './recording-control.ts';
import { SidePanel } from './side-panel.tsx';
import { Tile, type TileContent } from './tile.tsx';
import { useTileWidth } from './tile-layout.ts';
import { isEnded, useRoomChanges, useRoomStatistics } from './use-room.ts';

/** Level (0 to 1) above which somebody counts as speaking; room noise stays below. */
const speakingLevel = 0.03;

export function LiveRoom({ room, signedIn }: { room: Room; signedIn: boolean }) {
  const { t } = useI18n();
  useRoomChanges(room);
  useRoomToasts(room);
  const statistics = useRoomStatistics(room);
  const control = useRecordingControl(room, signedIn);
  const recorder = useDeviceRecorder(room);
  const wide = useMedia('(min-width: 1000px)');
  const [panelOpen, setPanelOpen] = useState(wide);
  const people = [room.self, ...room.participants];
  const live = room.recordings.filter((recording) => !isEnded(recording));
  const panel = <SidePanel room={room} people={people} control={control} recorder={recorder} signedIn={signedIn} />;
  return (
    <div className="live-room">
      <header className="room-bar">
        <LogoMark size={28} />
        <div className="room-bar-title">
          <b className="ellipsis">{room.roomId}</b>
          <span className="muted small">
            <PeopleIcon size={14} /> {people.length}
          </span>
        </div>
        {live.length > 0 && (
          <span className="rec-badge" data-state="recording" data-testid="room-rec">
            <i />
            REC
            {live.length > 1 && <b>{live.length}</b>}
          </span>
        )}
        {room.state === 'reconnecting' && (
          <span className="badge" data-tone="wait" data-testid="reconnecting">
            <span className="badge-dot" />
            {t('room.reconnecting')}
          </span>
        )}
        <div className="spacer" />
        <QualityBadge statistics={statistics} />
        {signedIn && <InviteButton roomId={room.roomId} compact />}
        <span className="wide-only">
          <LanguageSwitch />
        </span>
        <span className="wide-only">
          <SchemeSwitch />
        </span>
        <Tooltip title={t('room.panel')}>
          <Button
            type={panelOpen && wide ? 'default' : 'text'}
            icon={<PanelIcon />}
            aria-label={t('room.panel')}
            aria-pressed={panelOpen}
            onClick={() => setPanelOpen(!panelOpen)}
            data-testid="panel-toggle"
          />
        </Tooltip>
      </header>
      <div className="room-body">
        <div className="room-main">
          <Stage room={room} people={people} statistics={statistics} control={control} />
          <ControlBar room={room} />
        </div>
        {wide && panelOpen && <aside className="room-panel">{panel}</aside>}
      </div>
      {!wide && (
        <Drawer
          open={panelOpen}
          onClose={() => setPanelOpen(false)}
          placement="right"
          size="min(100vw, 400px)"
          title={room.roomId}
          styles={{ body: { padding: 0 } }}
        >
          {panel}
        </Drawer>
      )}
      {room.remoteTracks
        .filter(({ kind }) => kind === 'audio')
        .map((track) => (
          <MediaAudio key={track.trackId} track={track.mediaStreamTrack} />
        ))}
    </div>
  );
}

interface StageProps {
  readonly room: Room;
  readonly people: readonly Participant[];
  readonly statistics: RoomStatistics | undefined;
  readonly control: ReturnType<typeof useRecordingControl>;
}

/** The pictures: screens large with the cameras beside them, else all cameras as large as they fit. */
function Stage({ room, people, statistics, control }: StageProps) {
  const { t } = useI18n();
  const speakers = speakersOf(room, statistics);
  const tiles = people.flatMap((participant) => tilesOf(room, participant, speakers));
  const screens = tiles.filter(({ source }) => source === 'screen');
  const cameras = tiles.filter(({ source }) => source === 'camera');
  const grid = useRef<HTMLDivElement>(null);
  const tileWidthPx = useTileWidth(grid, screens.length > 0 ? screens.length : cameras.length);
  const render = (content: TileContent) => (
    <Tile key={`${content.participant.userId} ${content.source}`} content={content} control={control} />
  );
  return (
    <div className="stage" data-spotlight={screens.length > 0} data-testid="stage">
      <div className="stage-grid" ref={grid} style={{ '--tile-width': `${tileWidthPx}px` } as React.CSSProperties}>
        {screens.length > 0 ? (
          screens.map(render)
        ) : cameras.length > 0 ? (
          cameras.map(render)
        ) : (
          <EmptyState icon={<PeopleIcon size={26} />} title={t('room.emptyTitle')} text={t('room.emptyText')} />
        )}
      </div>
      {screens.length > 0 && cameras.length > 0 && <div className="stage-strip">{cameras.map(render)}</div>}
    </div>
  );
}

/** The audience has no tile: it shows nothing, and there may be many. */
function tilesOf(room: Room, participant: Participant, speakers: ReadonlySet<string>): TileContent[] {
  const { userId } = participant;
  const self = userId === room.self.userId;
  const has = (source: string) => participant.tracks.some((track) => track.source === source);
  const video = (source: 'camera' | 'screen') => {
    if (participant.tracks.find((track) => track.source === source)?.muted === true) return undefined;
    if (self) {
      const local = room.localTrack(source);
      return local === undefined || local.muted ? undefined : local.mediaStreamTrack;
    }
    return room.remoteTracks.find((track) => track.userId === userId && track.source === source)?.mediaStreamTrack;
  };
  const tiles: TileContent[] = [];
  if (has('screen') || (self && room.localTrack('screen') !== undefined)) {
    tiles.push({ participant, source: 'screen', self, video: video('screen'), speaking: false });
  }
  if (participant.role !== 'audience' || has('camera')) {
    tiles.push({ participant, source: 'camera', self, video: video('camera'), speaking: speakers.has(userId) });
  }
  return tiles;
}

function speakersOf(room: Room, statistics: RoomStatistics | undefined): ReadonlySet<string> {
  const speakers = new Set<string>();
  for (const [track, { audioLevel }] of statistics?.received ?? []) {
    if (track.source === 'microphone' && (audioLevel ?? 0) > speakingLevel) speakers.add(track.userId);
  }
  for (const [track, { audioLevel }] of statistics?.sent ?? []) {
    if (track.source === 'microphone' && !track.muted && (audioLevel ?? 0) > speakingLevel) {
      speakers.add(room.self.userId);
    }
  }
  return speakers;
}

/** Tells of what happens in the room. */
function useRoomToasts(room: Room): void {
  const { message } = App.useApp();
  const { t } = useI18n();
  const texts = useRef(t);
  texts.current = t;
  useEffect(() => {
    const told = new Map(room.recordings.map(({ recordingId, state }) => [recordingId, state]));
    const ends = [
      room.on('participant-joined', ({ userId }) => message.info(texts.current('toast.joined', { user: userId }))),
      room.on('participant-left', ({ userId }) => message.info(texts.current('toast.left', { user: userId }))),
      room.on('state', (state) => {
        if (state === 'reconnecting') message.warning(texts.current('toast.reconnecting'));
        else if (state === 'connected') message.success(texts.current('toast.reconnected'));
      }),
      room.on('recording', ({ recordingId, userId, state }) => {
        const former = told.get(recordingId);
        told.set(recordingId, state);
        if (former === state) return;
        if (state === 'recording' && former !== 'paused')
          message.info(texts.current('toast.recording', { user: userId }));
        else if (state === 'ready') message.success(texts.current('toast.ready', { user: userId }));
        else if (state === 'failed') message.error(texts.current('toast.failed', { user: userId }));
      }),
      room.on('local-track-removed', ({ source }, error) => {
        if (error !== undefined) return;
        if (source === 'screen') message.info(texts.current('toast.screenEnded'));
        // The page itself only mutes cameras and microphones.
        else if (source !== 'screen-audio') {
          message.warning(texts.current('toast.deviceLost', { device: texts.current(`device.${source}`) }));
        }
      }),
    ];
    return () => {
      for (const end of ends) end();
    };
  }, [room, message]);
}
