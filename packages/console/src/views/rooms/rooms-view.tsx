import type { Room } from '@aircheck/protocol';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Button, Input, Skeleton } from 'antd';
import { useState } from 'react';
import { consoleApi, queryKeys } from '../../api.tsx';
import { EmptyState } from '../../components/empty-state.tsx';
import { PlusIcon, RoomsIcon } from '../../components/icons.tsx';
import { ProblemAlert } from '../../components/problem.tsx';
import { useI18n } from '../../i18n/i18n.tsx';
import { addressOf, navigate } from '../../router.ts';
import { isId, proposeRoomId } from './ids.ts';
import { RoomCard } from './room-card.tsx';

const refreshMs = 3_000;

/** Home: the rooms there are, live ones first, and the way into another. */
export function RoomsView() {
  const { t } = useI18n();
  const query = useInfiniteQuery({
    queryKey: queryKeys.rooms,
    initialPageParam: '',
    queryFn: ({ pageParam, signal }) => consoleApi.rooms(pageParam === '' ? {} : { cursor: pageParam }, signal),
    getNextPageParam: ({ nextCursor }) => nextCursor,
    refetchInterval: refreshMs,
  });
  const rooms = (query.data?.pages ?? []).flatMap(({ items }) => items).sort(byLiveliness);
  const live = rooms.filter(({ participants }) => participants.length > 0);
  return (
    <>
      <div className="page-head">
        <div>
          <h1>{t('rooms.title')}</h1>
          <p className="muted">
            {rooms.length === 0
              ? t('rooms.subtitle')
              : t('rooms.count', { live: live.length, all: `${rooms.length}${query.hasNextPage ? '+' : ''}` })}
          </p>
        </div>
        <EnterRoom withNew={rooms.length > 0} />
      </div>
      {query.error !== null && <ProblemAlert error={query.error} onRetry={() => void query.refetch()} />}
      {query.isPending ? (
        <div className="card-grid">
          {['a', 'b', 'c'].map((key) => (
            <div className="card" key={key}>
              <Skeleton active paragraph={{ rows: 2 }} />
            </div>
          ))}
        </div>
      ) : rooms.length === 0 ? (
        <EmptyState
          icon={<RoomsIcon size={26} />}
          title={t('rooms.emptyTitle')}
          text={t('rooms.emptyText')}
          action={
            <Button
              type="primary"
              size="large"
              icon={<PlusIcon />}
              onClick={() => navigate(addressOf.room(proposeRoomId()))}
              data-testid="new-room"
            >
              {t('rooms.new')}
            </Button>
          }
        />
      ) : (
        <div className="card-grid" data-testid="rooms">
          {rooms.map((room) => (
            <RoomCard key={room.roomId} room={room} />
          ))}
        </div>
      )}
      {query.hasNextPage && (
        <div className="load-more">
          <Button loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
            {t('action.more')}
          </Button>
        </div>
      )}
    </>
  );
}

/** @param withNew - the page has no larger button for a new room */
function EnterRoom({ withNew }: { withNew: boolean }) {
  const { t } = useI18n();
  const [roomId, setRoomId] = useState('');
  const valid = isId(roomId.trim());
  const enter = () => {
    if (valid) navigate(addressOf.room(roomId.trim()));
  };
  return (
    <div className="enter-room">
      <Input
        value={roomId}
        placeholder={t('rooms.enterPlaceholder')}
        aria-label={t('lobby.room')}
        status={roomId.trim() === '' || valid ? '' : 'error'}
        onChange={(event) => setRoomId(event.target.value)}
        onPressEnter={enter}
        spellCheck={false}
        data-testid="enter-room-id"
      />
      <Button onClick={enter} disabled={!valid} data-testid="enter-room">
        {t('rooms.enter')}
      </Button>
      {withNew && (
        <Button
          type="primary"
          icon={<PlusIcon />}
          onClick={() => navigate(addressOf.room(proposeRoomId()))}
          data-testid="new-room"
        >
          {t('rooms.new')}
        </Button>
      )}
    </div>
  );
}

function byLiveliness(a: Room, b: Room): number {
  return (
    b.recordings.length - a.recordings.length ||
    b.participants.length - a.participants.length ||
    b.createdAt.localeCompare(a.createdAt)
  );
}
