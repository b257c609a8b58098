import type { Room } from '@aircheck/protocol';
import { useQueryClient } from '@tanstack/react-query';
import { App, Button, Tooltip } from 'antd';
import { consoleApi, queryKeys } from '../../api.tsx';
import { Avatar } from '../../components/avatar.tsx';
import { useProblemToast } from '../../components/problem.tsx';
import { StateBadge } from '../../components/state-badge.tsx';
import { useI18n } from '../../i18n/i18n.tsx';
import { addressOf } from '../../router.ts';
import { InviteButton } from './invite-button.tsx';

const shownParticipants = 5;

/** A room at a glance: who is in it and what is being recorded. */
export function RoomCard({ room }: { room: Room }) {
  const { t, format } = useI18n();
  const live = room.participants.length > 0;
  return (
    <article className="card room-card" data-testid={`room-${room.roomId}`}>
      <header>
        <div className="room-card-title">
          <a href={addressOf.room(room.roomId)}>{room.roomId}</a>
          <span className="badge" data-tone={live ? 'live' : 'quiet'}>
            <span className="badge-dot" />
            {live ? t('rooms.live') : t('rooms.idle')}
          </span>
        </div>
        <span className="muted small">
          {room.type === 'pair' ? `${t('lobby.typePair')} · ` : ''}
          {t('rooms.createdAt', { time: format.dateTime(room.createdAt) })}
        </span>
      </header>
      <div className="room-card-people">
        {live ? (
          <>
            <div className="avatar-stack">
              {room.participants.slice(0, shownParticipants).map(({ userId, role }) => (
                <Tooltip key={userId} title={`${userId} · ${t(`role.${role}`)}`}>
                  <span>
                    <Avatar name={userId} />
                  </span>
                </Tooltip>
              ))}
            </div>
            <span className="muted">{t('rooms.participants', { count: room.participants.length })}</span>
          </>
        ) : (
          <span className="muted">{t('rooms.nobody')}</span>
        )}
      </div>
      {room.recordings.length > 0 && (
        <ul className="room-card-recordings">
          {room.recordings.map((recording) => (
            <li key={recording.recordingId}>
              <StateBadge state={recording.state} />
              <span className="ellipsis">
                {recording.userId} · {t(recording.media === 'audio' ? 'record.audio' : `record.${recording.source}`)}
              </span>
            </li>
          ))}
        </ul>
      )}
      <footer>
        <Button
          type={live ? 'primary' : 'default'}
          href={addressOf.room(room.roomId)}
          data-testid={`join-${room.roomId}`}
        >
          {t('rooms.join')}
        </Button>
        <InviteButton roomId={room.roomId} />
        <div className="spacer" />
        <CloseRoomButton room={room} />
      </footer>
    </article>
  );
}

function CloseRoomButton({ room }: { room: Room }) {
  const { t } = useI18n();
  const { modal } = App.useApp();
  const queryClient = useQueryClient();
  const showProblem = useProblemToast();
  const close = () =>
    modal.confirm({
      title: t('rooms.closeTitle', { room: room.roomId }),
      content: t('rooms.closeText'),
      okText: t('rooms.close'),
      cancelText: t('action.cancel'),
      okButtonProps: { danger: true },
      onOk: async () => {
        try {
          await consoleApi.deleteRoom(room.roomId);
        } catch (error) {
          showProblem(error);
        }
        await queryClient.invalidateQueries({ queryKey: queryKeys.rooms });
      },
    });
  return (
    <Button type="text" danger onClick={close}>
      {t('rooms.close')}
    </Button>
  );
}
