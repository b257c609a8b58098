import type { Participant, Recording } from '@aircheck/protocol';
import { Avatar } from '../../components/avatar.tsx';
import { MicrophoneOffIcon, ScreenIcon } from '../../components/icons.tsx';
import { useI18n } from '../../i18n/i18n.tsx';
import { MediaVideo } from './media-element.tsx';
import { choiceOf, RecBadge, RecordMenu } from './record-menu.tsx';
import type { RecordingControl } from './recording-control.ts';

/** A picture in the room: somebody's camera, or a screen. */
export interface TileContent {
  readonly participant: Participant;
  readonly source: 'camera' | 'screen';
  readonly self: boolean;
  /** Undefined while there is no picture: no camera, muted, or not received yet. */
  readonly video: MediaStreamTrack | undefined;
  readonly speaking: boolean;
}

export function Tile({ content, control }: { content: TileContent; control: RecordingControl }) {
  const { t } = useI18n();
  const { participant, source, self, video, speaking } = content;
  const { userId } = participant;
  const microphone = participant.tracks.find((track) => track.source === 'microphone');
  const recordings = control.liveOf(userId).filter((recording) => showsOn(recording, source));
  return (
    <article
      className="tile"
      data-speaking={speaking}
      data-source={source}
      data-connected={participant.connected}
      data-testid={`tile-${userId}-${source}`}
    >
      {video !== undefined ? (
        <MediaVideo
          track={video}
          mirrored={self && source === 'camera'}
          fit={source === 'screen' ? 'contain' : 'cover'}
          testId={`video-${userId}-${source}`}
        />
      ) : (
        <div className="tile-empty">
          <Avatar name={userId} size={72} />
        </div>
      )}
      {!participant.connected && <div className="tile-veil">{t('room.reconnectingOther')}</div>}
      <div className="tile-top">
        {recordings.map((recording) => (
          <RecBadge key={recording.recordingId} recording={recording} control={control} />
        ))}
        <div className="spacer" />
        {source === 'camera' && (
          <div className="tile-actions">
            <RecordMenu participant={participant} control={control} />
          </div>
        )}
      </div>
      <div className="tile-name">
        {source === 'screen' && <ScreenIcon size={15} />}
        {source === 'camera' && (microphone === undefined || microphone.muted) && (
          <MicrophoneOffIcon size={15} className="tile-muted" />
        )}
        <span className="ellipsis">
          {userId}
          {self ? ` (${t('room.you')})` : ''}
        </span>
        {participant.role === 'host' && <em>{t('role.host')}</em>}
      </div>
    </article>
  );
}

function showsOn(recording: Recording, source: 'camera' | 'screen'): boolean {
  return (choiceOf(recording) === 'screen' ? 'screen' : 'camera') === source;
}
